/** Clients and proxies give up after 30 s as a rule; before that they get a 503 that says when to try again. */
export const maxWaitForLoadMs = 25_000

/** The requests that wait for a service to load. */
export class LoadWaiters {
  #count = 0

  get count(): number {
    return this.#count
  }

  /**
   * Resolves when the service has loaded, or cannot be loaded, and at the latest when a request has waited too long.
   *
   * @param maxMs  how long it may wait, if that is less than `maxWaitForLoadMs`; undefined: as long as it takes
   */
  async wait(load: Promise<unknown>, maxMs: number | undefined): Promise<void> {
    this.#count++
    await (maxMs === undefined ? load.catch(() => {}) : settledWithin(load, Math.min(maxMs, maxWaitForLoadMs)))
    this.#count--
  }
}

/** Whether it went well or not. */
async function settledWithin(work: Promise<unknown>, longestMs: number): Promise<void> {
  const { promise: over, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, longestMs)
  timer.unref()
  await Promise.race([over, work.catch(() => {})])
  clearTimeout(timer)
}
