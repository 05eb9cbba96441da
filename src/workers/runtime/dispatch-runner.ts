import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Feeds } from '../../models/session/model-session.ts'
import { movedFromBytes, progress } from '../../scheduling/dispatch.ts'
import type { InferenceRequest } from '../../scheduling/inference-request.ts'
import { type DecodedRequest, isOversize, planMicroBatches } from '../../scheduling/micro-batch.ts'
import type { RequestHeaders } from '../../scripts/api.ts'
import { countBytes, countRows, joinFeeds } from '../../scripts/row-feeds.ts'
import { mayShare, type RowAxes } from '../../scripts/row-sharing.ts'
import { titledHeaders } from '../../scripts/run-parameters.ts'
import type { PreprocessingPipeline, RawRequestScript, RowScript } from '../../scripts/script.ts'
import { splitResult } from '../../scripts/split-result.ts'
import type { ProgressBoard } from '../transport/messages.ts'
import { DispatchAnswers, type PostFromThread } from './dispatch-results.ts'
import type { LoadedService } from './load-service.ts'
import { customContentTypesFor, decodeCustomRows, decodeRows, preprocessRows } from './row-request.ts'
import { SlicedRequest } from './sliced-request.ts'
import { readRawInput } from './whole-input.ts'

/** A script whose runs may hold the rows of several requests. */
type JoiningScript = RowScript | PreprocessingPipeline

/** A decoded request with what its script may want besides. */
interface DecodedRow extends DecodedRequest {
  readonly headers: RequestHeaders | undefined
  /** Its owner has it no more, and cannot hand it over again. */
  readonly isMoved: boolean
  readonly decodeMs: number
}

/** Milliseconds of slices after which others get their turn. Asking for them takes 0.1 ms. */
const askAfterMs = 10

/** Bodies that a script decodes at a time: libuv has four threads, and each picture takes memory. */
const maxDecoding = 4

/** A request whose rows a script makes, which may take its time. */
interface OwnRows {
  readonly index: number
  readonly request: InferenceRequest
  feeds(): Promise<Feeds>
}

/** Scores the requests of a dispatch and posts their answers. */
export class DispatchRunner {
  readonly #service: LoadedService
  readonly #board: ProgressBoard
  readonly #post: PostFromThread
  readonly #answers: DispatchAnswers
  /** Requests that run in slices, whose turn it is first. */
  readonly #sliced: SlicedRequest<DecodedRow>[] = []
  #isSlicing = false
  #takeIn: (requests: [number, InferenceRequest][]) => void = () => {}

  constructor(service: LoadedService, board: ProgressBoard, post: PostFromThread) {
    this.#service = service
    this.#board = board
    this.#post = post
    this.#answers = new DispatchAnswers(board, service, post)
  }

  async run(requests: readonly InferenceRequest[]): Promise<void> {
    this.#answers.expect(requests.length)
    const { script } = this.#service
    if (script.kind === 'rows') await this.#runRows(script, requests.entries())
    else if (script.kind === 'preprocessing') await this.#runPreprocessing(script, requests)
    else for (const [index, request] of requests.entries()) await this.#runAlone(script, index, request)
  }

  async #runAlone(script: RawRequestScript, index: number, request: InferenceRequest): Promise<void> {
    if (!this.#answers.begin(index)) return
    try {
      const begunAt = performance.now()
      const input = readRawInput(script, request, this.#service)
      const startedAt = performance.now()
      const result = await (script.run as (input: unknown, headers?: RequestHeaders) => unknown)(
        input,
        headersOf(request),
      )
      const execMs = performance.now() - startedAt
      this.#answers.ran(1, 0, execMs)
      await this.#answers.add(index, result, execMs, startedAt - begunAt)
    } catch (failure) {
      this.#answers.fail(index, failure)
    }
  }

  /** The first stage makes the rows of each request, the others score the rows of all. */
  async #runPreprocessing(script: PreprocessingPipeline, requests: readonly InferenceRequest[]): Promise<void> {
    const own = requests.map((request, index) => ({
      index,
      request,
      feeds: () => preprocessRows(this.#service, script, request, headersOf(request)),
    }))
    await this.#runOwn(script, own, [])
  }

  async #runRows(script: RowScript, requests: Iterable<readonly [number, InferenceRequest]>): Promise<void> {
    const decoded: DecodedRow[] = []
    const own: OwnRows[] = []
    for (const [index, request] of requests) {
      const media = customContentTypesFor(script, request)
      if (media) {
        own.push({ index, request, feeds: () => decodeCustomRows(this.#service, script, media, request) })
        continue
      }
      if (!this.#answers.begin(index)) continue
      try {
        const begunAt = performance.now()
        const feeds = decodeRows(this.#service, script, request)
        decoded.push(this.#decoded(index, request, feeds, performance.now() - begunAt))
      } catch (failure) {
        this.#answers.fail(index, failure)
      }
    }
    if (own.length > 0) return this.#runOwn(script, own, decoded)
    return this.#runBatches(script, decoded)
  }

  /**
   * Runs what is decoded as soon as it is, and lets several bodies be decoded meanwhile: none waits for another one,
   * which may never be ready.
   */
  async #runOwn(script: JoiningScript, own: OwnRows[], decoded: DecodedRow[]): Promise<void> {
    const decoding = new Set<Promise<void>>()
    const decode = async ({ index, request, feeds: make }: OwnRows) => {
      const begunAt = performance.now()
      const feeds = make()
      this.#board.set(index, progress.decoding) // the script waits for something, or is done
      const [result] = await Promise.allSettled([feeds])
      // Its owner has taken it back where another request kept this thread for long.
      if (!this.#board.change(index, progress.decoding, progress.running)) this.#answers.withdrawn()
      else if (result.status === 'rejected') this.#answers.fail(index, result.reason)
      else decoded.push(this.#decoded(index, request, result.value, performance.now() - begunAt))
    }
    for (;;) {
      while (decoding.size < maxDecoding && own.length > 0) {
        const next = own.shift() as OwnRows
        if (!this.#answers.begin(next.index)) continue
        const done: Promise<void> = decode(next).finally(() => decoding.delete(done))
        decoding.add(done)
      }
      if (decoded.length > 0) await this.#runBatches(script, decoded.splice(0))
      else if (decoding.size === 0) return
      else {
        this.#answers.flush() // nobody's answer waits for what may never be ready
        await Promise.race(decoding)
        await nextTurn() // those that end in the same turn of the event loop share a run
      }
    }
  }

  #decoded(index: number, request: InferenceRequest, feeds: Feeds, decodeMs: number): DecodedRow {
    this.#board.set(index, progress.waiting)
    return {
      index,
      feeds,
      rowCount: countRows(feeds),
      mayShare: mayShare(feeds, this.#service.sharing),
      byteCount: countBytes(feeds),
      headers: headersOf(request),
      decodeMs,
      isMoved: request.body.byteLength >= movedFromBytes,
    }
  }

  async #runBatches(script: JoiningScript, decoded: readonly DecodedRow[]): Promise<void> {
    const { runLimits } = this.#service
    for (const batch of planMicroBatches(decoded, runLimits)) {
      const [only] = batch
      if (only && isOversize(only, runLimits)) this.#sliced.push(new SlicedRequest(only, runLimits, this.#axes))
      else await this.#runBatch(script, batch)
    }
    if (this.#isSlicing) return // what brought these here goes on with all slices
    this.#isSlicing = true
    try {
      await this.#runSlices(script)
    } finally {
      this.#isSlicing = false
    }
  }

  /** Where answers have their rows. */
  get #axes(): RowAxes | undefined {
    const { sharing } = this.#service
    return sharing.kind === 'shared' ? sharing.axes : undefined
  }

  /** A slice of each in turn, and in between whatever came meanwhile: nobody waits for all slices of another one. */
  async #runSlices(script: JoiningScript): Promise<void> {
    let askedAt = performance.now()
    for (let next = this.#sliced.shift(); next; next = this.#sliced.shift()) {
      if (await this.#runSlice(script, next)) this.#sliced.push(next)
      if (this.#sliced.length === 0 || performance.now() - askedAt < askAfterMs || !this.#mayAsk(script)) continue
      await this.#runRows(script, await this.#askForMore())
      askedAt = performance.now()
    }
  }

  /** What a script decodes may never be ready, and a body that was moved here must not be lost to another's fault. */
  #mayAsk(script: JoiningScript): script is RowScript {
    if (script.kind !== 'rows' || script.customContentTypes) return false
    return this.#service.isBuiltIn || this.#sliced.every(({ request }) => !request.isMoved)
  }

  async #askForMore(): Promise<[number, InferenceRequest][]> {
    this.#answers.flush()
    const { promise, resolve } = Promise.withResolvers<[number, InferenceRequest][]>()
    this.#takeIn = resolve
    this.#post({ type: 'room' }, [])
    return promise
  }

  /** What `room` was answered with. */
  takeIn(requests: readonly InferenceRequest[], indexes: readonly number[]): void {
    this.#answers.expectAlso(indexes)
    this.#takeIn(requests.map((request, at) => [indexes[at] as number, request]))
  }

  /** @returns whether there is more to run: it may have been taken back meanwhile, as its time may be up */
  async #runSlice(script: JoiningScript, sliced: SlicedRequest<DecodedRow>): Promise<boolean> {
    const { request } = sliced
    const { index } = request
    if (!this.#answers.begin(index)) return false
    const startedAt = performance.now()
    try {
      const result = await script.run(sliced.next as Feeds, request.headers)
      const runMs = performance.now() - startedAt
      this.#answers.ran(1, sliced.nextRowCount, runMs)
      sliced.add(result, runMs)
    } catch (failure) {
      this.#answers.fail(index, failure)
      return false
    }
    if (sliced.next) {
      this.#board.set(index, progress.waiting)
      return true
    }
    const { execMs } = sliced
    const result = this.#joined(sliced)
    if (result !== undefined) await this.#answers.add(index, result, execMs, request.decodeMs)
    else {
      this.#board.set(index, progress.waiting)
      await this.#runBatch(script, [request])
    }
    return false
  }

  /** @returns undefined when the results of the slices do not tell what all rows in one run give */
  #joined(sliced: SlicedRequest<DecodedRow>): unknown {
    try {
      return sliced.result
    } catch {
      return undefined
    }
  }

  async #runBatch(script: JoiningScript, planned: readonly DecodedRow[]): Promise<void> {
    const batch = planned.filter(({ index }) => this.#answers.begin(index))
    if (batch.length === 0) return
    const startedAt = performance.now()
    let result: unknown
    try {
      // Where run() takes headers, every request runs alone.
      result = await script.run(joinFeeds(batch.map(({ feeds }) => feeds)), batch[0]?.headers)
    } catch (failure) {
      return this.#runApart(script, batch, failure)
    }
    const execMs = performance.now() - startedAt
    this.#answers.ran(batch.length, script.hasRowAxis ? sumOfRows(batch) : 0, execMs)
    const [only] = batch
    if (batch.length === 1 && only) return this.#answers.add(only.index, result, execMs, only.decodeMs)
    const results = this.#cut(result, batch)
    if (!results) return this.#runApart(script, batch, undefined)
    for (const [at, { index, decodeMs }] of batch.entries())
      await this.#answers.add(index, results[at], execMs, decodeMs)
  }

  /** @returns undefined when the result does not follow the rows, or not even lets itself be looked at */
  #cut(result: unknown, batch: readonly DecodedRow[]): unknown[] | undefined {
    const rowCounts = batch.map(({ rowCount }) => rowCount)
    try {
      return splitResult(result, rowCounts, this.#axes)
    } catch {
      return undefined // a getter of the script's threw: whose request that is, a run alone shows
    }
  }

  /** A run of several that fails tells nothing about any one of them: the halves run again, and so find who it was. */
  async #runApart(script: JoiningScript, batch: readonly DecodedRow[], failure: unknown): Promise<void> {
    const [only] = batch
    if (batch.length === 1 && only) return this.#answers.fail(only.index, failure)
    this.#answers.bisected()
    for (const request of batch) this.#board.set(request.index, progress.waiting)
    const half = Math.ceil(batch.length / 2)
    await this.#runBatch(script, batch.slice(0, half))
    await this.#runBatch(script, batch.slice(half))
  }
}

function sumOfRows(batch: readonly DecodedRow[]): number {
  return batch.reduce((sum, { rowCount }) => sum + rowCount, 0)
}

/** Headers came along only for a script that takes them. */
function headersOf({ details }: InferenceRequest): RequestHeaders | undefined {
  return details?.headers && titledHeaders(details.headers)
}
