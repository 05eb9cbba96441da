import { ScoringError } from '../errors.ts'

/** Work that is done few at a time, in the order in which it came: what waits holds no memory yet. */
export class ConcurrencyLimit {
  readonly #atATime: number
  readonly #mayWait: number
  readonly #waiting: (() => void)[] = []
  #taken = 0

  constructor(atATime: number, mayWait: number) {
    this.#atATime = atATime
    this.#mayWait = mayWait
  }

  /**
   * @param isWanted  asked again when its turn has come: who has waited may have left
   * @returns what the work gives, or undefined when it is not wanted any more
   * @throws ScoringError QUEUE_FULL when too many wait; what the work throws
   */
  async take<T>(work: () => Promise<T>, isWanted: () => boolean): Promise<T | undefined> {
    await this.#begin()
    try {
      return isWanted() ? await work() : undefined
    } finally {
      this.#end()
    }
  }

  #begin(): Promise<void> | undefined {
    if (this.#taken < this.#atATime) {
      this.#taken++
      return undefined
    }
    if (this.#waiting.length < this.#mayWait) return new Promise(resolve => this.#waiting.push(resolve))
    throw new ScoringError(
      'QUEUE_FULL',
      `The service is busy: ${this.#mayWait} bodies wait to be unpacked already; try again later.`,
      { retryAfterSeconds: 1 },
    )
  }

  /** Whoever waits longest takes the turn over. */
  #end(): void {
    const next = this.#waiting.shift()
    if (next) next()
    else this.#taken--
  }
}

/** ConcurrencyLimit of a service to unpack bodies: small ones do not wait for large ones, nor services for each other. */
export class DecompressionLimits {
  readonly small = new ConcurrencyLimit(2, 1000)
  readonly large = new ConcurrencyLimit(2, 100)
}
