import { median, ratioOf } from '../report/statistics.ts'
import { markdownTable, readable, verdict } from '../report/table.ts'
import { byDefault, type Contest, pandasChunks, rowByRow, setupName } from './contest.ts'

/** What a job with default settings must come to, in rows a second. */
export interface Target {
  readonly against: string
  readonly ratio: number
}

export const csvTargets: readonly Target[] = [
  { against: rowByRow, ratio: 2.5 },
  { against: pandasChunks, ratio: 1 },
]
export const jsonTargets: readonly Target[] = [{ against: rowByRow, ratio: 1.5 }]

/** A line for each way, with its ratio to each of those that have a target. */
export function contestTable({ title, rowCount, seconds }: Contest, targets: readonly Target[]): string {
  const compared = targets.filter(({ against }) => seconds[against])
  const head = [title, 'Rows/s', ...compared.flatMap(({ against }) => [`/ ${against}`, 'Range', 'Target', ''])]
  const rows = Object.entries(seconds).map(([what, times]) => [
    what,
    readable(median(times.map(time => rowCount / time))),
    ...compared.flatMap(target => ratioCells(seconds[target.against] as number[], times, target, what)),
  ])
  return markdownTable(head, rows, 1)
}

function ratioCells(theirs: readonly number[], times: readonly number[], target: Target, what: string): string[] {
  const { median: ratio, lowest, highest } = ratioOf(theirs, times) // seconds: less is more
  const isOurs = what === setupName(byDefault)
  return [
    readable(ratio),
    `${readable(lowest)}-${readable(highest)}`,
    isOurs ? `>= ${target.ratio}` : '',
    isOurs ? verdict(ratio >= target.ratio) : '',
  ]
}
