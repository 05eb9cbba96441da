/** Beyond this the clock of the storage was set, or that of this machine stood still. */
const largestErrorMs = 2000

/**
 * The time by the clock of the storage. Each answer carries it in whole seconds, rounded down, so the true time is never earlier, and
 * of several answers the latest estimate is the best. Between answers a clock that never jumps goes on.
 */
export class StorageTime {
  readonly #monotonicMs: () => number
  /** Added to the monotonic clock. */
  #offset: number | undefined

  constructor(monotonicMs: () => number) {
    this.#monotonicMs = monotonicMs
  }

  /** @param date  header of an answer that has just come */
  heard(date: Date | undefined): void {
    const offset = (date?.getTime() ?? Number.NaN) - this.#monotonicMs()
    if (Number.isNaN(offset)) return
    const difference = offset - (this.#offset ?? Number.NEGATIVE_INFINITY)
    if (difference > 0 || difference < -largestErrorMs) this.#offset = offset
  }

  /** Milliseconds since 1970; undefined before the first answer. */
  get now(): number | undefined {
    return this.#offset === undefined ? undefined : Math.floor(this.#offset + this.#monotonicMs())
  }
}
