import { type DecodedRequest, type RunLimits, rowsPerRun } from '../../scheduling/micro-batch.ts'
import { takeRows } from '../../scripts/row-feeds.ts'
import type { RowAxes } from '../../scripts/row-sharing.ts'
import { joinResults } from '../../scripts/split-result.ts'

/** Runs that may grow do so until one takes so many milliseconds. What a run costs by itself is some hundredths of one. */
const grownRunMs = 1
const mostGrowth = 4
/** Beyond this, a run no longer gets faster by the row. */
const mostGrownRows = 4096

interface SlicedOptions {
  readonly limits: RunLimits
  /** Where its answers have their rows. */
  readonly axes: RowAxes | undefined
  /** Short runs may be followed by some with more rows than `limits.maxRows`. */
  readonly mayGrow: boolean
}

/** A request with more rows than a run takes: its rows run slice by slice, and other requests in between. */
export class SlicedRequest<T extends DecodedRequest> {
  readonly request: T
  runMs = 0
  readonly #options: SlicedOptions
  readonly #mostRows: number
  readonly #results: unknown[] = []
  readonly #rowCounts: number[] = []
  #from = 0
  /** Rows of the next slice, if so many are left. */
  #rows: number

  constructor(request: T, options: SlicedOptions) {
    const { limits, mayGrow } = options
    this.request = request
    this.#options = options
    this.#rows = rowsPerRun(request, limits)
    this.#mostRows = mayGrow ? rowsPerRun(request, { ...limits, maxRows: mostGrownRows }) : this.#rows
  }

  /** Inputs of the next slice; undefined when all have run. */
  get next(): T['feeds'] | undefined {
    const { request, nextRowCount } = this
    return nextRowCount === 0 ? undefined : takeRows(request.feeds, this.#from, this.#from + nextRowCount)
  }

  get nextRowCount(): number {
    return Math.min(this.#rows, this.request.rowCount - this.#from)
  }

  /** Adds the result of the next slice. */
  add(result: unknown, runMs: number): void {
    const rowCount = this.nextRowCount
    this.#results.push(result)
    this.#rowCounts.push(rowCount)
    this.#from += rowCount
    this.runMs += runMs
    if (this.#options.mayGrow) this.#grow(rowCount, runMs)
  }

  #grow(rowCount: number, runMs: number): void {
    const fitting = Math.floor((rowCount * grownRunMs) / Math.max(runMs, grownRunMs / mostGrowth))
    this.#rows = Math.min(this.#mostRows, Math.max(rowsPerRun(this.request, this.#options.limits), fitting))
  }

  /** What all rows in one run would have given; undefined when the results of the slices do not tell. */
  get result(): unknown {
    return joinResults(this.#results, this.#rowCounts, this.#options.axes)
  }
}
