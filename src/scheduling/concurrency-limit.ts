import { ScoringError } from '../errors.ts'

/** Runs a few tasks at a time, in order of arrival. A task that waits holds no memory yet. */
export class ConcurrencyLimit {
  readonly #maxRunning: number
  readonly #maxWaiting: number
  readonly #waiting: (() => void)[] = []
  #running = 0

  constructor(maxRunning: number, maxWaiting: number) {
    this.#maxRunning = maxRunning
    this.#maxWaiting = maxWaiting
  }

  /**
   * @param isNeeded  asked when the task is about to begin: its caller may have left
   * @returns the result of the task, or undefined when it is not needed any more
   * @throws ScoringError QUEUE_FULL when too many tasks wait; what the task throws
   */
  async run<T>(task: () => Promise<T>, isNeeded: () => boolean): Promise<T | undefined> {
    await this.#begin()
    try {
      return isNeeded() ? await task() : undefined
    } finally {
      this.#end()
    }
  }

  #begin(): Promise<void> | undefined {
    if (this.#running < this.#maxRunning) {
      this.#running++
      return undefined
    }
    if (this.#waiting.length < this.#maxWaiting) return new Promise(resolve => this.#waiting.push(resolve))
    throw new ScoringError(
      'QUEUE_FULL',
      `The service is busy: ${this.#waiting.length} compressed bodies are queued, as many as may be; try again later.`,
      { retryAfterSeconds: 1 },
    )
  }

  /** The task that has waited longest begins instead. */
  #end(): void {
    const next = this.#waiting.shift()
    if (next) next()
    else this.#running--
  }
}

/** The limits of a service for decompressing bodies: small bodies do not wait for large ones, nor services for each other. */
export class DecompressionLimits {
  readonly small = new ConcurrencyLimit(2, 1000)
  readonly large = new ConcurrencyLimit(2, 100)
}
