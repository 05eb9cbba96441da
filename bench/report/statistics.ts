/** Milliseconds. */
export interface Latencies {
  readonly count: number
  readonly p50: number
  readonly p95: number
  readonly p97: number
  readonly p99: number
  readonly max: number
}

export function latenciesOf(latencies: readonly number[]): Latencies {
  const sorted = Float64Array.from(latencies).sort()
  const quantile = (share: number) =>
    sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN
  return {
    count: sorted.length,
    p50: quantile(0.5),
    p95: quantile(0.95),
    p97: quantile(0.97),
    p99: quantile(0.99),
    max: quantile(1),
  }
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2
}

/** One ratio per round, of numbers measured within seconds of each other, and what is typical of them. */
export interface Ratio {
  readonly median: number
  readonly lowest: number
  readonly highest: number
}

export function ratioOf(ours: readonly number[], theirs: readonly number[]): Ratio {
  const ratios = ours.map((value, round) => value / (theirs[round] ?? Number.NaN))
  return { median: median(ratios), lowest: Math.min(...ratios), highest: Math.max(...ratios) }
}
