import { describeMachine, machineLine } from '../report/machine.ts'
import { median } from '../report/statistics.ts'
import { markdownTable, readable, verdict } from '../report/table.ts'
import { importCosts } from './import-cost.ts'
import { requestCosts } from './request-cost.ts'

/** What was measured once a round; lower is better. */
export interface Cost {
  readonly what: string
  readonly unit: 'µs' | 'ms'
  readonly rounds: readonly number[]
  /** The median has to be below it. */
  readonly target?: number
}

/** `npm run bench -- auth`: what it costs to check a key, and to have the code for it. */
export async function benchAuth(settings: {
  seconds: number
  rounds: number
}): Promise<{ result: object; markdown: string }> {
  const costs = [...(await requestCosts(settings)), ...(await importCosts(settings))]
  const machine = describeMachine()
  const date = new Date().toISOString().slice(0, 10)
  const results = costs.map(({ what, unit, rounds, target }) => {
    const typical = median(rounds)
    const isMet = target === undefined ? undefined : typical < target
    return { what, unit, median: typical, lowest: Math.min(...rounds), highest: Math.max(...rounds), target, isMet }
  })
  const rows = results.map(each => [
    each.what,
    each.unit,
    readable(each.median),
    `${readable(each.lowest)}-${readable(each.highest)}`,
    each.target === undefined ? '' : `< ${each.target}`,
    verdict(each.isMet),
  ])
  const markdown = [
    `${date}, ${settings.rounds} rounds of ${settings.seconds} s. ${machineLine(machine)}`,
    markdownTable(['What', 'Unit', 'Median', 'Range', 'Target', ''], rows, 1),
  ].join('\n\n')
  return { result: { date, machine, settings, results }, markdown }
}
