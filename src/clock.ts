/** Reads the time and waits. `adapters/local/system-clock.ts` is the real one; tests have one that they advance by hand. */
export interface Clock {
  /** Milliseconds since 1970. Users and time servers set it, so it may jump. */
  wallMs(): number
  /** Milliseconds since an arbitrary start; never jumps. */
  monotonicMs(): number
  /**
   * Calls back once after at least `ms`. The timer does not keep the process alive.
   *
   * @returns a function that cancels the timer
   */
  after(ms: number, callback: () => void): () => void
}
