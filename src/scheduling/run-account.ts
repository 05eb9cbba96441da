/**
 * What a scheduler has used of the processors, in milliseconds of dispatches, those under way included. It counts from where
 * the others are: what a scheduler did not use while it had no work, it gets back to a small part only.
 */
export class RunAccount {
  #settledMs = 0
  #runningCount = 0
  #sumOfStarts = 0

  /** @param now  milliseconds, of any clock that goes on evenly */
  usedMs(now: number): number {
    return this.#settledMs + this.#runningCount * now - this.#sumOfStarts
  }

  /** Work has come: the scheduler takes its place beside the others, which stand at `leastMs` or more. */
  catchUp(leastMs: number, now: number): void {
    this.#settledMs += Math.max(0, leastMs - this.usedMs(now))
  }

  /** What it was charged with. Those under way may compute less than they take. */
  get settledMs(): number {
    return this.#settledMs
  }

  began(startedAt: number): void {
    this.#runningCount++
    this.#sumOfStarts += startedAt
  }

  /** @param ms  what it is charged with */
  ended(startedAt: number, ms: number): void {
    this.#runningCount--
    this.#sumOfStarts = this.#runningCount === 0 ? 0 : this.#sumOfStarts - startedAt
    this.#settledMs += ms
  }
}
