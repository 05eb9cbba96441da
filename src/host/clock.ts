/** The time, and a wake-up call. Tests pass a clock that they advance by hand. */
export interface Clock {
  /** Milliseconds since 1970. People and time servers set this clock, so it may jump. */
  wallMs(): number
  /** Milliseconds since some fixed moment; never jumps. */
  monotonicMs(): number
  /**
   * Calls back once, after at least `ms` milliseconds. The wait keeps no process alive.
   *
   * @returns a function that cancels the call
   */
  after(ms: number, callback: () => void): () => void
}

export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after: (ms, callback) => {
    const timer = setTimeout(callback, ms).unref()
    return () => clearTimeout(timer)
  },
}
