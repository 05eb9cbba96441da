/** What a worker ran since it last reported. */
export interface RunStats {
  /** Three numbers for each call of `run`: requests, rows (0: the script has none), milliseconds. */
  readonly runs: readonly number[]
  /** Runs of several requests that failed and were run in parts. */
  readonly bisected: number
}

/**
 * A body of this size or more is moved to the worker, not copied, and dispatched alone: if the worker crashes, the body is
 * lost, and only the request that was running may lose it. (Copying less takes 0.1 ms at most.)
 */
export const movedFromBytes = 2 ** 20

/** Most requests in one dispatch; bounds the shared request states. */
export const maxDispatchSize = 256

/**
 * The state of a request of a dispatch, as the worker writes it; the pool writes `takenBack`. `decoding`: the script's own
 * `decode` has begun and waits for something, so that the thread can do other work.
 */
export const requestState = { waiting: 0, running: 1, answered: 2, takenBack: 3, decoding: 4 } as const
