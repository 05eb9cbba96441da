/**
 * Who may score in this process: many at once, or one alone. In the order of asking, so nobody waits for ever.
 *
 * A chunk whose process has died before is scored alone: when the process dies again, it was this chunk.
 */
export class ScoringLock {
  #running = 0
  #isAlone = false
  readonly #waiting: { readonly isAlone: boolean; readonly begin: () => void }[] = []

  shared<T>(work: () => Promise<T>): Promise<T> {
    return this.#run(false, work)
  }

  alone<T>(work: () => Promise<T>): Promise<T> {
    return this.#run(true, work)
  }

  async #run<T>(isAlone: boolean, work: () => Promise<T>): Promise<T> {
    await new Promise<void>(begin => {
      this.#waiting.push({ isAlone, begin })
      this.#admit()
    })
    try {
      return await work()
    } finally {
      this.#running--
      this.#isAlone = false
      this.#admit()
    }
  }

  #admit(): void {
    for (let next = this.#waiting[0]; next && this.#mayBegin(next.isAlone); next = this.#waiting[0]) {
      this.#waiting.shift()
      this.#running++
      this.#isAlone = next.isAlone
      next.begin()
    }
  }

  #mayBegin(isAlone: boolean): boolean {
    return this.#running === 0 || (!isAlone && !this.#isAlone)
  }
}
