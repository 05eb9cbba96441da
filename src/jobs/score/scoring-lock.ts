/**
 * Lets many chunks be scored in this process at a time, or a single one. It is fair: first come, first served.
 *
 * A chunk that may have ended a process is scored exclusively. If the process ends again, it was this chunk.
 */
export class ScoringLock {
  #running = 0
  #isExclusive = false
  readonly #waiting: { readonly isExclusive: boolean; readonly begin: () => void }[] = []

  shared<T>(work: () => Promise<T>): Promise<T> {
    return this.#run(false, work)
  }

  exclusive<T>(work: () => Promise<T>): Promise<T> {
    return this.#run(true, work)
  }

  async #run<T>(isExclusive: boolean, work: () => Promise<T>): Promise<T> {
    await new Promise<void>(begin => {
      this.#waiting.push({ isExclusive, begin })
      this.#admit()
    })
    try {
      return await work()
    } finally {
      this.#running--
      this.#isExclusive = false
      this.#admit()
    }
  }

  #admit(): void {
    for (let next = this.#waiting[0]; next && this.#mayBegin(next.isExclusive); next = this.#waiting[0]) {
      this.#waiting.shift()
      this.#running++
      this.#isExclusive = next.isExclusive
      next.begin()
    }
  }

  #mayBegin(isExclusive: boolean): boolean {
    return this.#running === 0 || (!isExclusive && !this.#isExclusive)
  }
}
