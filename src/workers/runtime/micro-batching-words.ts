import { hasScript, type ServiceSpec } from '../../models/repository/service-spec.ts'
import type { RowSharing } from '../../scripts/row-sharing.ts'
import { describeDifference } from '../../scripts/same-answers.ts'
import type { LoadedModel } from './load-service.ts'

interface Findings {
  readonly sharing: RowSharing
  /** As in `WarmUp`. */
  readonly difference: number | undefined
  readonly sessions: readonly Pick<LoadedModel, 'name' | 'rowProof'>[]
}

interface MicroBatchingWords {
  /** Whether micro-batching is on, and why. */
  readonly sentence: string
  /** What the owner of the service should know without asking. */
  readonly notes: readonly string[]
}

/** Says in words whether rows of several requests share runs, why, and what the owner can do about it. */
export function describeMicroBatching(
  spec: ServiceSpec,
  { sharing, difference, sessions }: Findings,
): MicroBatchingWords {
  const { rowsAreIndependent, exact } = spec.definition.batching
  if (sharing.kind === 'alone') {
    if (sharing.why === undefined) return { sentence: `micro-batching is off: ${chosenReason(spec)}`, notes: [] }
    const hint =
      rowsAreIndependent && !hasScript(spec)
        ? ' (batching.rowsAreIndependent applies to scripts; for a model the graph decides)'
        : ''
    const sentence = `micro-batching is off: ${sharing.why}${hint}`
    return { sentence, notes: [sentence] }
  }
  const isDeclared = hasScript(spec) && rowsAreIndependent === true
  const reason = isDeclared
    ? 'batching.rowsAreIndependent says that each answer depends on its own row alone'
    : 'the graph shows that each answer depends on its own row alone'
  const size = describeDifference(difference)
  const digits = size && `scoring rows together changes the last digits${size}; "batching": {"exact": true} prevents it`
  const sameBits = exact ? '; all trial runs of several rows returned the same bits' : ''
  const notes = [...(digits ? [`micro-batching is on: ${digits}`] : []), ...unprovenModels(spec, sessions)]
  return { sentence: `micro-batching is on: ${reason}${digits ? `; ${digits}` : sameBits}`, notes }
}

/** Why rows do not share runs where nothing stands against it. */
function chosenReason({ definition }: ServiceSpec): string {
  const { rowsAreIndependent, maxRows } = definition.batching
  if (rowsAreIndependent === false) return 'batching.rowsAreIndependent is false'
  if (maxRows === 1) return 'batching.maxRows is 1'
  return 'the script reads each request as a whole'
}

/** Names the models of a script that share runs because of the owner's declaration alone. */
function unprovenModels({ entryScript }: ServiceSpec, sessions: Findings['sessions']): string[] {
  if (entryScript === undefined) return []
  return sessions.flatMap(({ name, rowProof }) =>
    rowProof.kind === 'dependent'
      ? [
          `rows share runs of model "${name}" only because batching.rowsAreIndependent is true; its graph does not show it: ${rowProof.reason}`,
        ]
      : [],
  )
}
