import type { Feeds } from '../../models/session/model-session.ts'
import { requestState } from '../../scheduling/dispatch.ts'
import { type DecodedRequest, isOversize, planMicroBatches } from '../../scheduling/micro-batch.ts'
import type { RequestHeaders } from '../../scripts/api.ts'
import { joinFeeds } from '../../scripts/row-feeds.ts'
import type { RowAxes } from '../../scripts/row-sharing.ts'
import type { PreprocessingPipeline, RowScript } from '../../scripts/script.ts'
import { splitResult } from '../../scripts/split-result.ts'
import type { RequestStates } from '../transport/request-states.ts'
import type { Codec } from './codec.ts'
import type { DispatchResults } from './dispatch-results.ts'
import type { LoadedService } from './load-service.ts'
import { RunMemory } from './run-memory.ts'
import { SlicedRequest } from './sliced-request.ts'
import { runForRequests } from './thread-output.ts'

/** A script whose runs may hold the rows of several requests. */
export type JoiningScript = RowScript | PreprocessingPipeline

/** A decoded request, with the headers that its script may take. */
export interface DecodedRow extends DecodedRequest {
  readonly codec: Codec
  readonly form: unknown
  /** The index in the dispatch, which changes when a further dispatch resumes the request. */
  index: number
  /** When the worker got the request, as `performance.now()`. */
  readonly cameAt: number
  readonly headers: RequestHeaders | undefined
  readonly id: string | undefined
  /** The body was transferred: if this worker dies, the request cannot be retried. */
  readonly isMoved: boolean
  readonly decodeMs: number
}

/** A dispatch ends after this many milliseconds of slices; the next one resumes the rest, beside what was queued meanwhile. */
const yieldAfterMs = 10

/**
 * Requests that run their slices in turn; the others wait, in order. If all took turns, none would be done before nearly all
 * are, and until then a worker that holds as many as it can has no room for small ones.
 */
const maxTakingTurns = 4

/** Runs requests that are decoded: several together, and large ones slice by slice. */
export class BatchRunner {
  readonly #service: LoadedService
  readonly #states: RequestStates
  readonly #results: DispatchResults
  readonly #runMemory = new RunMemory()
  /** Requests that run in slices, in turn. Between dispatches they are those that the next one may resume. */
  #sliced: SlicedRequest<DecodedRow>[] = []

  constructor(service: LoadedService, states: RequestStates, results: DispatchResults) {
    this.#service = service
    this.#states = states
    this.#results = results
  }

  /**
   * Takes up requests that the dispatch before has yielded, under new indexes.
   *
   * @param positions  among those yielded; the rest is dropped
   */
  resume(positions: readonly number[]): readonly DecodedRow[] {
    const yielded = this.#sliced
    this.#sliced = positions.map((position, index) => {
      const sliced = yielded[position] as SlicedRequest<DecodedRow>
      sliced.request.index = index
      return sliced
    })
    return this.#sliced.map(({ request }) => request)
  }

  /** Runs requests, and slices of those that were resumed. */
  async run(script: JoiningScript, decoded: readonly DecodedRow[]): Promise<void> {
    const { runLimits } = this.#service
    for (const batch of planMicroBatches(decoded, runLimits)) {
      const [only] = batch
      if (only && isOversize(only, runLimits)) this.#sliced.push(this.#slice(only))
      else await this.#runBatch(script, batch)
    }
    await this.#runSlices(script)
  }

  #slice(request: DecodedRow): SlicedRequest<DecodedRow> {
    const { runLimits, mayRunsGrow } = this.#service
    const mayGrow = mayRunsGrow && request.codec.isForJobs === true
    return new SlicedRequest(request, { limits: runLimits, axes: this.#axes, mayGrow })
  }

  /** The axis of the rows in results. */
  get #axes(): RowAxes | undefined {
    const { sharing } = this.#service
    return sharing.kind === 'shared' ? sharing.axes : undefined
  }

  /** Runs a slice of the first few in turn, and yields where that takes long: small requests do not wait for all slices of a large one. */
  async #runSlices(script: JoiningScript): Promise<void> {
    if (this.#sliced.length > 0) this.#results.flush() // the small requests of the dispatch do not wait for slices
    const startedAt = performance.now()
    for (let next = this.#sliced.shift(); next; next = this.#sliced.shift()) {
      if (await this.#runSlice(script, next)) this.#sliced.splice(maxTakingTurns - 1, 0, next)
      if (this.#sliced.length > 0 && performance.now() - startedAt >= yieldAfterMs && this.#mayYield(script))
        return this.#results.yield(this.#sliced.map(({ request }) => request.index))
    }
  }

  /** A body that a script decodes may never be ready, and a transferred body must not be lost to the fault of another request. */
  #mayYield(script: JoiningScript): boolean {
    if (script.kind !== 'rows' || script.customContentTypes) return false
    return this.#service.isBuiltIn || this.#sliced.every(({ request }) => !request.isMoved)
  }

  /** @returns whether slices are left; none are when the request was taken back, e.g. because its time is up */
  async #runSlice(script: JoiningScript, sliced: SlicedRequest<DecodedRow>): Promise<boolean> {
    const { request } = sliced
    const { index } = request
    if (!this.#results.begin(index)) return false
    const startedAt = performance.now()
    try {
      const result = await this.#call(script, [request], sliced.next as Feeds)
      const runMs = performance.now() - startedAt
      this.#results.ran(1, sliced.nextRowCount, runMs)
      sliced.add(result, runMs)
    } catch (failure) {
      this.#results.fail(index, failure)
      return false
    }
    if (sliced.next) {
      this.#states.set(index, requestState.waiting)
      return true
    }
    const { runMs } = sliced
    const result = this.#joined(sliced)
    if (result !== undefined) await this.#results.add(request, result, runMs)
    else {
      this.#states.set(index, requestState.waiting)
      await this.#runBatch(script, [request])
    }
    return false
  }

  /** @returns undefined when the results of the slices cannot be joined */
  #joined(sliced: SlicedRequest<DecodedRow>): unknown {
    try {
      return sliced.result
    } catch {
      return undefined
    }
  }

  async #runBatch(script: JoiningScript, planned: readonly DecodedRow[]): Promise<void> {
    const batch = planned.filter(({ index }) => this.#results.begin(index))
    if (batch.length === 0) return
    const startedAt = performance.now()
    let result: unknown
    try {
      result = await this.#call(script, batch, this.#join(batch))
    } catch (failure) {
      return this.#bisect(script, batch, failure)
    }
    const runMs = performance.now() - startedAt
    this.#results.ran(batch.length, script.hasRowAxis ? sumOfRows(batch) : 0, runMs)
    const [only] = batch
    if (batch.length === 1 && only) return this.#results.add(only, result, runMs)
    const results = this.#cut(result, batch)
    if (!results) return this.#bisect(script, batch, undefined)
    for (const [at, request] of batch.entries()) {
      const encoding = this.#results.add(request, results[at], runMs)
      if (encoding) await encoding
    }
  }

  /** A script may keep its inputs. */
  #join(batch: readonly DecodedRow[]): Feeds {
    const feeds = batch.map(each => each.feeds)
    return this.#service.isBuiltIn ? joinFeeds(feeds, name => this.#runMemory.storageFor(name)) : joinFeeds(feeds)
  }

  /** If `run` takes headers, no request shares a run. */
  #call(script: JoiningScript, batch: readonly DecodedRow[], feeds: Feeds): unknown {
    const run = () => script.run(feeds, batch[0]?.headers)
    if (this.#service.isBuiltIn) return run() // prints nothing
    const ids = batch.map(({ id }) => id)
    return runForRequests(ids, run)
  }

  /** @returns undefined when the result does not have one entry a row, or when reading it throws */
  #cut(result: unknown, batch: readonly DecodedRow[]): unknown[] | undefined {
    const rowCounts = batch.map(({ rowCount }) => rowCount)
    try {
      return splitResult(result, rowCounts, this.#axes)
    } catch {
      return undefined // a getter of the script threw; running each request alone shows whose it is
    }
  }

  /** Runs both halves of a batch again after it failed as a whole, which isolates the request that made it fail. */
  async #bisect(script: JoiningScript, batch: readonly DecodedRow[], failure: unknown): Promise<void> {
    const [only] = batch
    if (batch.length === 1 && only) return this.#results.fail(only.index, failure)
    this.#results.bisected()
    for (const request of batch) this.#states.set(request.index, requestState.waiting)
    const half = Math.ceil(batch.length / 2)
    await this.#runBatch(script, batch.slice(0, half))
    await this.#runBatch(script, batch.slice(half))
  }
}

function sumOfRows(batch: readonly DecodedRow[]): number {
  return batch.reduce((sum, { rowCount }) => sum + rowCount, 0)
}
