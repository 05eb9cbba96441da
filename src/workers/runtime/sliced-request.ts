import { type DecodedRequest, type RunLimits, rowsPerRun } from '../../scheduling/micro-batch.ts'
import { sliceFeeds } from '../../scripts/row-feeds.ts'
import type { RowAxes } from '../../scripts/row-sharing.ts'
import { joinResults } from '../../scripts/split-result.ts'

/** A request with more rows than a run takes: its rows run slice by slice, and other requests in between. */
export class SlicedRequest<T extends DecodedRequest> {
  readonly request: T
  runMs = 0
  readonly #slices: ReturnType<typeof sliceFeeds>
  readonly #axes: RowAxes | undefined
  readonly #results: unknown[] = []

  /** @param axes  where its answers have their rows */
  constructor(request: T, limits: RunLimits, axes: RowAxes | undefined) {
    this.request = request
    this.#axes = axes
    this.#slices = sliceFeeds(request.feeds, rowsPerRun(request, limits))
  }

  /** Inputs of the next slice; undefined when all have run. */
  get next(): T['feeds'] | undefined {
    return this.#slices[this.#results.length]?.feeds
  }

  get nextRowCount(): number {
    return this.#slices[this.#results.length]?.rowCount ?? 0
  }

  add(result: unknown, runMs: number): void {
    this.#results.push(result)
    this.runMs += runMs
  }

  /** What all rows in one run would have given; undefined when the results of the slices do not tell. */
  get result(): unknown {
    return joinResults(
      this.#results,
      this.#slices.map(({ rowCount }) => rowCount),
      this.#axes,
    )
  }
}
