/** How long a chunk has the threads to itself while others wait. A chunk of a fast model is done by then. */
const turnMs = 100

interface Waiting {
  readonly who: object
  readonly come: Promise<void>
  readonly begin: () => void
}

/**
 * Lets the chunks that one service scores take turns. If they shared its threads evenly, all would be done at the same time, and the
 * threads would have nothing to do while their results are written.
 */
export class ScoringTurns {
  readonly #now: () => number
  #holder: object | undefined
  #since = 0
  #waiting: readonly Waiting[] = []

  /** @param now  milliseconds of a clock that never jumps */
  constructor(now = () => performance.now()) {
    this.#now = now
  }

  /** Resolves when it is the turn of `who`, for its next piece, or when `signal` is aborted. */
  async wait(who: object, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if (this.#holder === undefined) this.#begin(who)
      const isOver = this.#waiting.length > 0 && this.#now() - this.#since >= turnMs
      if (this.#holder === who && !isOver) return
      const { come } = this.#queue(who)
      if (this.#holder === who) this.#beginNext()
      await abortable(come, signal)
    }
  }

  /** `who` needs no more turns. */
  leave(who: object): void {
    for (const waiting of this.#waiting) if (waiting.who === who) waiting.begin()
    this.#waiting = this.#waiting.filter(waiting => waiting.who !== who)
    if (this.#holder === who) this.#beginNext()
  }

  /** @returns its place, which is the last one unless it has one already */
  #queue(who: object): Waiting {
    const found = this.#waiting.find(waiting => waiting.who === who)
    if (found) return found
    const { promise: come, resolve: begin } = Promise.withResolvers<void>()
    const waiting = { who, come, begin }
    this.#waiting = [...this.#waiting, waiting]
    return waiting
  }

  #beginNext(): void {
    const [next, ...others] = this.#waiting
    this.#waiting = others
    this.#holder = undefined
    if (next) this.#begin(next.who)
    next?.begin()
  }

  #begin(who: object): void {
    this.#holder = who
    this.#since = this.#now()
  }
}

/** Resolves with the promise, or when the signal is aborted. */
async function abortable(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  const { promise: aborted, resolve } = Promise.withResolvers<void>()
  const stop = () => resolve()
  signal.addEventListener('abort', stop, { once: true })
  await Promise.race([promise, aborted])
  signal.removeEventListener('abort', stop)
}
