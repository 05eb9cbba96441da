/** What one dispatch took. */
interface ObservedDispatch {
  readonly requestCount: number
  /** Of all requests, as `estimateWork` counts it. */
  readonly work: number
  /** Until the main thread learned of its end, which is late where that thread is busy. */
  readonly ms: number
  /** Milliseconds of its runs only, as the worker measured them; 0: there was none. */
  readonly runMs?: number
}

/** The weight of a dispatch relative to the one after it. */
const decay = 0.9
/** Below this coefficient of variation the sizes are too alike to fit a slope. */
const minVariation = 0.1
/** The weight of the last dispatch in the mean time of a request. */
const lastWeight = 0.2

/**
 * Learns from recent dispatches what further ones take: `fixed + perWork * work` milliseconds, as a weighted linear fit. Where
 * rows share runs, dispatches of one size say nothing of larger ones. These are taken to cost the same, which is too little
 * rather than too much; the first larger one corrects it.
 */
export class DispatchCost {
  /** Milliseconds that a request takes, exponentially averaged. */
  requestMs = 1
  #count = 0
  #work = 0
  #ms = 0
  #workSquared = 0
  #workMs = 0

  observe({ requestCount, work, ms, runMs = 0 }: ObservedDispatch): void {
    // A busy main thread must not make dispatches smaller: more of them would keep it busier still.
    this.requestMs += lastWeight * ((runMs || ms) / Math.max(1, requestCount) - this.requestMs)
    this.#count = this.#count * decay + 1
    this.#work = this.#work * decay + work
    this.#ms = this.#ms * decay + ms
    this.#workSquared = this.#workSquared * decay + work * work
    this.#workMs = this.#workMs * decay + work * ms
  }

  /** Milliseconds that `dispatches` one after the other take, with `work` in all; 0 before the first observation. */
  estimateMs(dispatches: number, work: number, isBatchable: boolean): number {
    if (this.#count === 0) return 0
    const meanWork = this.#work / this.#count
    const meanMs = this.#ms / this.#count
    const maxPerWork = meanMs / meanWork
    if (!isBatchable) return maxPerWork * work
    const variance = this.#workSquared / this.#count - meanWork * meanWork
    const isLine = variance > (minVariation * meanWork) ** 2
    const slope = isLine ? (this.#workMs / this.#count - meanWork * meanMs) / variance : 0
    const perWork = Math.min(maxPerWork, Math.max(0, slope))
    return (meanMs - perWork * meanWork) * dispatches + perWork * work
  }
}
