/** Tells the time and sets timers. Port: `adapters/local/system-clock.ts` implements it; tests use a virtual clock. */
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
