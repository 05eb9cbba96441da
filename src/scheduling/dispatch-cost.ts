/** What a dispatch of the past counts beside the one after it. */
const memory = 0.9
/** Dispatches that differ less than this in size (standard deviation by mean) do not tell a line. */
const leastSpread = 0.1
/** What the newest dispatch counts in the mean time of a request. */
const newest = 0.2

/**
 * What dispatches of a scheduler take, learned from those that were finished: `fixed + perWork * work` milliseconds, fitted
 * to the recent ones. Where rows share runs, dispatches of one size tell nothing of larger ones, which are then taken to
 * cost the same: too little rather than too much, and the first larger one tells.
 */
export class DispatchCost {
  /** Milliseconds a request takes, exponentially averaged. */
  requestMs = 1
  #count = 0
  #work = 0
  #ms = 0
  #workSquared = 0
  #workMs = 0

  /**
   * @param work  of all its requests, as `workOf` counts it
   * @param ms  until its owner heard of its end, which is late where that is busy
   * @param runMs  of its runs alone, as the thread measured them; 0: there was none
   */
  observe(requests: number, work: number, ms: number, runMs = 0): void {
    // An owner that is busy must not make dispatches smaller: more of them keep it busier still.
    this.requestMs += newest * ((runMs || ms) / Math.max(1, requests) - this.requestMs)
    this.#count = this.#count * memory + 1
    this.#work = this.#work * memory + work
    this.#ms = this.#ms * memory + ms
    this.#workSquared = this.#workSquared * memory + work * work
    this.#workMs = this.#workMs * memory + work * ms
  }

  /** Milliseconds that so many dispatches with so much work in all take one after the other; 0 before the first one. */
  estimateMs(dispatches: number, work: number, isBatchable: boolean): number {
    if (this.#count === 0) return 0
    const meanWork = this.#work / this.#count
    const meanMs = this.#ms / this.#count
    const most = meanMs / meanWork
    if (!isBatchable) return most * work
    const variance = this.#workSquared / this.#count - meanWork * meanWork
    const isLine = variance > (leastSpread * meanWork) ** 2
    const slope = isLine ? (this.#workMs / this.#count - meanWork * meanMs) / variance : 0
    const perWork = Math.min(most, Math.max(0, slope))
    return (meanMs - perWork * meanWork) * dispatches + perWork * work
  }
}
