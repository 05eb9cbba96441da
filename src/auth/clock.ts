/** What time it is, and waking up later. Port: `adapters/local/system-clock.ts`; tests have one that they turn by hand. */
export interface Clock {
  /** Milliseconds since 1970. People and time servers set it: it may jump. */
  wallMs(): number
  /** Milliseconds since some moment; never jumps. */
  monotonicMs(): number
  /**
   * Calls back once, after at least so many milliseconds; keeps no process alive for it.
   *
   * @returns call it to be left in peace
   */
  after(ms: number, callback: () => void): () => void
}
