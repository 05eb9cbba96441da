import { median, type Ratio, ratioOf } from '../report/statistics.ts'
import { markdownTable, readable, verdict } from '../report/table.ts'
import type { RoundResult } from './contest.ts'

/** One server in one measurement: a line of the table. */
export interface Comparison {
  readonly measurement: string
  readonly connections: number
  readonly server: string
  readonly requestsPerSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly cpuMsPerRequest: number | undefined
  readonly failures: number
  /** Our requests per second by this server's; undefined for our own line. */
  readonly ratio: Ratio | undefined
  readonly target: number | undefined
  readonly isMet: boolean | undefined
}

/**
 * @param results  rounds by server
 * @param targets  by server, the least that our requests per second by theirs should be
 */
export function compare(
  measurement: string,
  connections: number,
  ours: string,
  results: ReadonlyMap<string, readonly RoundResult[]>,
  targets: Readonly<Record<string, number>>,
): Comparison[] {
  const ratesOf = (name: string) => (results.get(name) ?? []).map(round => round.requestsPerSecond)
  const failuresOf = (name: string) => (results.get(name) ?? []).reduce((sum, round) => sum + round.failures, 0)
  const lines = [...results].map(([server, rounds]): Comparison => {
    const ratio = server === ours ? undefined : ratioOf(ratesOf(ours), ratesOf(server))
    const target = targets[server]
    const isClean = failuresOf(server) === 0 && failuresOf(ours) === 0
    const cpu = rounds.map(round => round.cpuMsPerRequest).filter(ms => ms !== undefined)
    return {
      measurement,
      connections,
      server,
      requestsPerSecond: median(rounds.map(round => round.requestsPerSecond)),
      p50Ms: median(rounds.map(round => round.latencyMs.p50)),
      p99Ms: median(rounds.map(round => round.latencyMs.p99)),
      cpuMsPerRequest: cpu.length > 0 ? median(cpu) : undefined,
      failures: failuresOf(server),
      ratio,
      target,
      isMet: ratio && target !== undefined ? isClean && ratio.median >= target : undefined,
    }
  })
  return lines.sort((a, b) => Number(b.server === ours) - Number(a.server === ours))
}

/** One line for each server in each measurement. */
export function comparisonTable(comparisons: readonly Comparison[]): string {
  const head = [
    'What',
    'Server',
    'Connections',
    'Requests/s',
    'p50 ms',
    'p99 ms',
    'CPU ms',
    'Ours / its',
    'Range',
    'Target',
    '',
  ]
  const rows = comparisons.map(line => [
    line.measurement,
    line.server,
    String(line.connections),
    readable(line.requestsPerSecond),
    readable(line.p50Ms),
    readable(line.p99Ms),
    readable(line.cpuMsPerRequest),
    line.ratio ? line.ratio.median.toFixed(2) : '',
    line.ratio ? `${line.ratio.lowest.toFixed(2)}-${line.ratio.highest.toFixed(2)}` : '',
    line.target === undefined ? '' : `>= ${line.target}`,
    [verdict(line.isMet), line.failures > 0 ? `${line.failures} failures` : ''].filter(Boolean).join(', '),
  ])
  return markdownTable(head, rows, 2)
}
