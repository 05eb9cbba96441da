import type { Latencies } from '../report/statistics.ts'

/** What the load generator is asked to do: a closed loop, each connection with one request under way. */
export interface LoadJob {
  readonly port: number
  readonly connections: number
  readonly request: Buffer
  /** Answers of another length are failures; undefined: any. */
  readonly answerBytes: number | undefined
  readonly seconds: number
  /** Seconds before, whose requests do not count. */
  readonly rampSeconds: number
  /** One more client that sends this at a steady pace meanwhile. */
  readonly probe?: { readonly request: Buffer; readonly pauseMs: number }
}

export interface LoadResult {
  readonly requestsPerSecond: number
  readonly requests: number
  readonly failures: number
  readonly latencyMs: Latencies
  readonly probeMs?: Latencies
  /** CPU time of the load generator for one request. */
  readonly generatorCpuMicroseconds: number
}
