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

/** What the load generator is asked to do: an open loop, whose requests come at their own times, answered or not. */
export interface OpenLoadJob {
  readonly port: number
  /** Sent in turn. */
  readonly requests: readonly Buffer[]
  /** Mean of a Poisson process. */
  readonly requestsPerSecond: number
  readonly seconds: number
  /** Seconds before, whose requests do not count. */
  readonly rampSeconds: number
  readonly seed: number
}

/** All latencies are from the moment at which the request should have been sent. */
export interface OpenLoadResult {
  /** Requests of the counted seconds. */
  readonly offered: number
  readonly accepted: number
  /** 503. */
  readonly refused: number
  /** 504. */
  readonly expired: number
  /** Answered otherwise, or not at all. */
  readonly failures: number
  /** Answers 200 that came within the counted seconds, whenever their requests were sent. */
  readonly acceptedPerSecond: number
  readonly latencyMs: Latencies
  readonly refusalMs: Latencies
  /** By how much requests left too late: the generator's own fault. */
  readonly lagMs: Latencies
  readonly connections: number
  /** The generator could not send the load that it was asked for; the other numbers say nothing about the server. */
  readonly isLimited: boolean
}
