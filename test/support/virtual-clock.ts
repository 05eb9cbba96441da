import type { Clock } from '../../src/clock.ts'

interface Timer {
  readonly at: number
  readonly callback: () => void
}

/** @returns a function that tells whether so many milliseconds have passed since now */
export function timeLimit(clock: Clock, budgetMs: number): () => boolean {
  const endsAt = clock.monotonicMs() + budgetMs
  return () => clock.monotonicMs() >= endsAt
}

/** A clock that only moves on request; its wall time can be set. */
export class VirtualClock implements Clock {
  #now = 0
  /** Milliseconds since 1970 less monotonic milliseconds. */
  wallOffset = Date.UTC(2026, 0, 1)
  readonly #timers = new Set<Timer>()

  wallMs(): number {
    return this.#now + this.wallOffset
  }

  monotonicMs(): number {
    return this.#now
  }

  after(ms: number, callback: () => void): () => void {
    const timer = { at: this.#now + Math.max(0, ms), callback }
    this.#timers.add(timer)
    return () => this.#timers.delete(timer)
  }

  /** Goes on, and lets happen what happens meanwhile: timers in their order, and all that follows from each. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms
    await settle()
    for (;;) {
      const [next] = [...this.#timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)
      if (!next) break
      this.#timers.delete(next)
      this.#now = Math.max(this.#now, next.at)
      next.callback()
      await settle()
    }
    this.#now = end
  }

  get timerCount(): number {
    return this.#timers.size
  }
}

/** Everything that waits for nothing but promises has happened. */
export function settle(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve))
}
