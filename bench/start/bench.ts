import { describeMachine, machineLine } from '../report/machine.ts'
import type { Ratio } from '../report/statistics.ts'
import { markdownTable, readable, verdict } from '../report/table.ts'
import { sessionContest } from './session-contest.ts'

/** Lower is better. */
export interface StartResult {
  readonly what: string
  readonly how: string
  /** Median of the rounds. */
  readonly ms: number
  /** Against the line before it. */
  readonly ratio?: Ratio
  readonly target?: number
  readonly isMet?: boolean
}

/** Processes start faster or slower by a third from one to the next. */
const processesPerRound = 3

/** `npm run bench -- start`: what optimizing models ahead of time gains. */
export async function benchStart(settings: { rounds: number }): Promise<{ result: object; markdown: string }> {
  const rounds = settings.rounds * processesPerRound
  const results = await sessionContest({ rounds })
  const machine = describeMachine()
  const date = new Date().toISOString().slice(0, 10)
  const rows = results.map(({ what, how, ms, ratio, target, isMet }) => [
    what,
    how,
    readable(ms),
    ratio ? ratio.median.toFixed(2) : '',
    ratio ? `${ratio.lowest.toFixed(2)}-${ratio.highest.toFixed(2)}` : '',
    target === undefined ? '' : `<= ${target}`,
    verdict(isMet),
  ])
  const markdown = [
    `${date}, ${rounds} processes of each, by turns. ${machineLine(machine)}`,
    markdownTable(['What', 'How', 'Median ms', 'Ratio', 'Range', 'Target', ''], rows, 2),
  ].join('\n\n')
  return { result: { date, machine, rounds, results }, markdown }
}
