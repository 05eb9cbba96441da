import {
  describePhases,
  type FirstAnswer,
  type PhaseSpans,
  type PhaseTimes,
  startPhases,
} from '../telemetry/cold-start.ts'
import { attribute, spanAttribute } from '../telemetry/metric-names.ts'
import type { Tracing } from '../telemetry/tracing.ts'

/** @returns what tells of the start of this process, once it has given its first answer: a line, and a span with the phases as parts */
export function tellColdStart(
  tracing: Tracing | undefined,
  log: ((line: string) => void) | undefined,
): (times: PhaseTimes, answer: FirstAnswer, spans: PhaseSpans) => void {
  return (times, answer, spans) => {
    log?.(describePhases(times, answer))
    const span = tracing?.start('cold start', {
      kind: 'internal',
      startedAt: spans.bundle.from,
      attributes: { [attribute.service]: answer.service, [spanAttribute.coldStart]: true },
    })
    for (const phase of startPhases.slice(1)) span?.addPast(`start ${phase}`, spans[phase])
    span?.end()
  }
}
