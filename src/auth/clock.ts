/** Tells the time and sets timers. Port: `adapters/local/system-clock.ts` implements it; tests use a virtual clock. */
export interface Clock {
  /** Milliseconds since 1970. May jump, because people and time servers set it. */
  wallMs(): number
  /** Milliseconds since an arbitrary origin; never jumps. */
  monotonicMs(): number
  /**
   * Calls back once, after at least this long. The timer does not keep the process alive.
   *
   * @returns a function that cancels the timer
   */
  after(ms: number, callback: () => void): () => void
}
