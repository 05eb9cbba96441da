import { markdownTable, readable, verdict } from '../report/table.ts'
import type { Footprint } from './footprint.ts'
import type { JoinedAnswers } from './joined-answers.ts'
import { type LoadCurve, overloadOf } from './load-sweep.ts'

const targets = { accepted: 0.9, refusalMs: 50 }

export function joinedAnswersLine(joinedAnswers: readonly JoinedAnswers[]): string {
  const parts = joinedAnswers.map(
    ({ title, answers, requestsPerRun }) => `${title}: ${answers} answers, ${requestsPerRun.toFixed(0)} requests a run`,
  )
  return `Answers to rows in a batch that are, to the bit, those to each row alone without micro-batching: ${parts.join('; ')}.`
}

export function loadTable(curves: readonly LoadCurve[]): string {
  const head = ['What', 'Server', 'Load', 'Offered/s', 'p50 ms', 'p95 ms', 'p99 ms', 'Accepted', 'Refused', 'Expired']
  const rows = curves.flatMap(({ title, server, points }) =>
    points.map(({ share, requestsPerSecond, measured }) => [
      title,
      server,
      `${share * 100} %`,
      readable(requestsPerSecond),
      ...(measured
        ? [
            ...[measured.p50Ms, measured.p95Ms, measured.p99Ms].map(readable),
            String(measured.accepted),
            String(measured.refused),
            measured.failures > 0 ? `${measured.expired} (${measured.failures} failures)` : String(measured.expired),
          ]
        : ['more than the generator could send', '', '', '', '', '']),
    ]),
  )
  return markdownTable([...head], rows, 2)
}

/** What is left of the capacity under four times as much, and how quickly the rest is turned away. */
export function overloadTable(curves: readonly LoadCurve[]): string {
  const head = ['What', 'Server', 'Accepted / peak', 'Range', 'Target', '', 'Refusal p99 ms', 'Target', '']
  const rows = curves.flatMap(curve => {
    const measured = overloadOf(curve)?.measured
    if (!measured) return []
    const { acceptedByPeak, refusalP99Ms, failures } = measured
    return [
      [
        curve.title,
        curve.server,
        acceptedByPeak.median.toFixed(2),
        `${acceptedByPeak.lowest.toFixed(2)}-${acceptedByPeak.highest.toFixed(2)}`,
        `>= ${targets.accepted}`,
        verdict(failures === 0 && acceptedByPeak.median >= targets.accepted),
        readable(refusalP99Ms),
        `<= ${targets.refusalMs}`,
        verdict(refusalP99Ms === undefined ? undefined : refusalP99Ms <= targets.refusalMs),
      ],
    ]
  })
  return markdownTable(head, rows, 2)
}

export function footprintTable(footprint: Footprint): string {
  const { requests, failures, firstMb, lastMb, growth, isGrowthMet, idleCores, isIdleMet } = footprint
  const memory = `memory after ${requests} mixed requests against after the first 1000`
  const told = [verdict(isGrowthMet), failures > 0 ? `${failures} failures` : ''].filter(Boolean).join(', ')
  const rows = [
    [memory, `${readable(lastMb)} / ${readable(firstMb)} MiB = ${growth?.toFixed(2) ?? ''}`, '<= 1.2', told],
    ['CPU while it is idle', `${idleCores?.toFixed(3) ?? ''} cores`, '<= 0.1', verdict(isIdleMet)],
  ]
  return markdownTable(['What', 'Measured', 'Target', ''], rows, 1)
}
