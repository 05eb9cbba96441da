/** A load that has been asked for. */
export interface QueuedLoad {
  /** A caller waits for it: it begins now, unless it has. */
  hurry(): void
  /** It does not begin any more. */
  cancel(): void
}

/** A load that takes longer may wait for something else than a processor, so others begin beside it. */
const longLoadMs = 2000

/**
 * Decides when services load for the first time: as many at a time as there are processors, in the order in which they were added,
 * and at once those that callers wait for. Otherwise the load of the one that is needed would take as long as that of all.
 */
export class LoadQueue {
  readonly #maxLoading: number
  readonly #longLoadMs: number
  readonly #waiting: Set<() => Promise<unknown>> = new Set()
  #loading = 0

  /** @param maxLoading  loads at a time, usually the processors */
  constructor(maxLoading: number, waitMs = longLoadMs) {
    this.#maxLoading = maxLoading
    this.#longLoadMs = waitMs
  }

  /** @param load  begins the load; its promise settles with it */
  add(load: () => Promise<unknown>): QueuedLoad {
    this.#waiting.add(load)
    this.#fill()
    return {
      hurry: () => {
        if (this.#waiting.delete(load)) void this.#run(load)
      },
      cancel: () => void this.#waiting.delete(load),
    }
  }

  #fill(): void {
    for (const load of this.#waiting) {
      if (this.#loading >= this.#maxLoading) return
      this.#waiting.delete(load)
      void this.#run(load)
    }
  }

  async #run(load: () => Promise<unknown>): Promise<void> {
    this.#loading++
    const { promise: over, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, this.#longLoadMs)
    timer.unref()
    await Promise.race([load().catch(() => {}), over]) // who wants the service learns why it failed
    clearTimeout(timer)
    this.#loading--
    this.#fill()
  }
}
