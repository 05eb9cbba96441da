const leastMs = 100

/** Pauses between looks into an empty queue, randomized and growing. (sdk RandomizedExponentialBackoffStrategy) */
export class PollingDelay {
  readonly #maxMs: number
  readonly #random: () => number
  #exponent = 0
  #current = 0

  /** @param random  0 to 1, as Math.random */
  constructor(maxMs: number, random: () => number) {
    this.#maxMs = maxMs
    this.#random = random
  }

  /** @param hasFound  whether there was a message since the last pause */
  nextMs(hasFound: boolean): number {
    if (hasFound) {
      this.#exponent = 1
      this.#current = Math.min(leastMs, this.#maxMs)
    } else if (this.#current !== this.#maxMs) {
      const growth = this.#exponent === 0 ? 0 : 2 ** (this.#exponent - 1) * leastMs * (0.8 + 0.4 * this.#random())
      this.#current = Math.min(this.#maxMs, leastMs + growth)
      this.#exponent++
    }
    return this.#current
  }
}
