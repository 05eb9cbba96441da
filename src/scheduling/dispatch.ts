/** What a thread ran since it last told. */
export interface RunStats {
  /** For each call of `run`: requests, rows (0: they have none), milliseconds. */
  readonly runs: readonly number[]
  /** Runs of several requests that failed and were run in parts. */
  readonly bisected: number
}

/**
 * A body of this size or more is moved to the thread, not copied, and handed over alone: should the thread die, it is
 * gone with it, and only the request that was being run may lose it. (Copying less takes 0.1 ms at most.)
 */
export const movedFromBytes = 2 ** 20

/** Most requests in one dispatch; bounds the shared request states. */
export const maxDispatchSize = 256

/**
 * Where a request of a dispatch stands, as the thread writes it in the shared states; its owner may take it back.
 * `decoding`: the script's own `decode` has begun and is waiting for something, so that the thread can do other work.
 */
export const requestState = { waiting: 0, running: 1, answered: 2, takenBack: 3, decoding: 4 } as const
