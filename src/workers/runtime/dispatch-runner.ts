import { setImmediate as nextTurn } from 'node:timers/promises'
import { ScoringError } from '../../errors.ts'
import type { Feeds } from '../../models/session/model-session.ts'
import { isShared } from '../../scheduling/body-memory.ts'
import { movedFromBytes, requestState } from '../../scheduling/dispatch.ts'
import { type InferenceRequest, tensorBytes } from '../../scheduling/inference-request.ts'
import { type DecodedRequest, isOversize, planMicroBatches } from '../../scheduling/micro-batch.ts'
import type { RequestHeaders } from '../../scripts/api.ts'
import { countRows, joinFeeds } from '../../scripts/row-feeds.ts'
import { mayShare, type RowAxes } from '../../scripts/row-sharing.ts'
import { titledHeaders } from '../../scripts/run-parameters.ts'
import type { PreprocessingPipeline, RawRequestScript, RowScript } from '../../scripts/script.ts'
import { splitResult } from '../../scripts/split-result.ts'
import { copyBytes } from '../../tensor/copy-bytes.ts'
import type { RequestStates } from '../transport/request-states.ts'
import type { Codec, DecodedFeeds } from './codec.ts'
import { DispatchResults, type PostMessage } from './dispatch-results.ts'
import type { EncryptedScorer } from './encrypted-scorer.ts'
import type { LoadedService } from './load-service.ts'
import { RunMemory } from './run-memory.ts'
import { SlicedRequest } from './sliced-request.ts'
import { runForRequests } from './thread-output.ts'

/** A script whose runs may hold the rows of several requests. */
type JoiningScript = RowScript | PreprocessingPipeline

/** A decoded request, with the headers that its script may take. */
interface DecodedRow extends DecodedRequest {
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

/** Most bodies that a script decodes at a time: libuv has four threads, and each image takes memory. */
const maxDecoding = 4

/** A request whose rows a script makes, which may wait for other things. */
interface ScriptDecoded {
  readonly index: number
  readonly request: InferenceRequest
  decode(): Promise<DecodedFeeds>
}

/** Scores the requests of a dispatch and posts their answers. */
export class DispatchRunner {
  readonly #service: LoadedService
  readonly #states: RequestStates
  readonly #results: DispatchResults
  readonly #runMemory = new RunMemory()
  /** Requests that run in slices, in turn. Between dispatches they are those that the next one may resume. */
  #sliced: SlicedRequest<DecodedRow>[] = []

  constructor(service: LoadedService, states: RequestStates, post: PostMessage) {
    this.#service = service
    this.#states = states
    this.#results = new DispatchResults(states, service, post)
  }

  /**
   * Scores the requests of a dispatch. A script gets bodies of its own: it may keep them, and shared memory is used again.
   * Requests that the dispatch before it yielded come first in it, under new indexes.
   *
   * @param resumed  their positions among those yielded; the rest of these is dropped
   */
  async run(received: readonly InferenceRequest[], resumed: readonly number[] = []): Promise<void> {
    const requests = this.#service.isBuiltIn ? received : received.map(withOwnBody)
    this.#resume(resumed)
    this.#results.expect([...this.#sliced.map(({ request }) => request.id), ...requests.map(({ id }) => id)])
    for (const { request } of this.#sliced) this.#results.cameAt(request.index, request.cameAt)
    if (resumed.length + requests.length === 0) return this.#results.flush()
    const { script } = this.#service
    if (script.kind === 'rows') await this.#runRows(script, requests, resumed.length)
    else if (script.kind === 'preprocessing') await this.#runPreprocessing(script, requests)
    else {
      for (const [index, request] of requests.entries())
        await runForRequests([request.id], () => this.#runAlone(script, index, request))
    }
  }

  #resume(positions: readonly number[]): void {
    const yielded = this.#sliced
    this.#sliced = positions.map((position, index) => {
      const sliced = yielded[position] as SlicedRequest<DecodedRow>
      sliced.request.index = index
      return sliced
    })
  }

  async #runAlone(script: RawRequestScript, index: number, request: InferenceRequest): Promise<void> {
    if (!this.#results.begin(index)) return
    try {
      const begunAt = performance.now()
      const codec = this.#codec(request)
      const input = codec.decodeWhole(request, script, this.#service)
      const startedAt = performance.now()
      const result = await (script.run as (input: unknown, headers?: RequestHeaders) => unknown)(
        input,
        readHeaders(request),
      )
      const runMs = performance.now() - startedAt
      this.#results.ran(1, 0, runMs)
      await this.#results.add({ index, codec, decodeMs: startedAt - begunAt, rowCount: 0 }, result, runMs)
    } catch (failure) {
      this.#results.fail(index, failure)
    }
  }

  #codec({ codec }: InferenceRequest): Codec {
    return this.#service.codecs[codec] as Codec
  }

  /** The first stage makes the rows of each request, the others score the rows of all. */
  async #runPreprocessing(script: PreprocessingPipeline, requests: readonly InferenceRequest[]): Promise<void> {
    const own = requests.map((request, index) => ({
      index,
      request,
      decode: async () => {
        const input = this.#codec(request).decodeWhole(request, script.firstStage, this.#service)
        return this.#limited(script, { feeds: await script.preprocess(input, readHeaders(request)) })
      },
    }))
    await this.#runScriptDecoded(script, own, [])
  }

  /** @param firstIndex  of `requests` in the dispatch */
  async #runRows(script: RowScript, requests: readonly InferenceRequest[], firstIndex: number): Promise<void> {
    const decoded: DecodedRow[] = []
    const own: ScriptDecoded[] = []
    for (const [position, request] of requests.entries()) {
      const index = firstIndex + position
      if (request.details?.encrypted) {
        await this.#runEncrypted(index, request)
        continue
      }
      const codec = this.#codec(request)
      const decodeByScript = codec.decodeByScript(request, script)
      if (decodeByScript) {
        own.push({ index, request, decode: async () => this.#limited(script, await decodeByScript()) })
        continue
      }
      if (!this.#results.begin(index)) continue
      try {
        const begunAt = performance.now()
        const inputs = this.#limited(script, codec.decodeRows(request, script, this.#service))
        const decodeMs = performance.now() - begunAt
        if (inputs.isAnswered) await this.#results.add({ index, codec, ...inputs, decodeMs, rowCount: 0 }, undefined, 0)
        else decoded.push(this.#decoded(index, request, inputs, decodeMs))
      } catch (failure) {
        this.#results.fail(index, failure)
      }
    }
    if (own.length > 0) return this.#runScriptDecoded(script, own, decoded)
    return this.#runBatches(script, decoded)
  }

  /**
   * Runs requests as soon as they are decoded, while other bodies are still being decoded: none waits for another one, which
   * may never be ready.
   */
  async #runScriptDecoded(script: JoiningScript, own: ScriptDecoded[], decoded: DecodedRow[]): Promise<void> {
    const decoding = new Set<Promise<void>>()
    const decode = async ({ index, request, decode: decodeOne }: ScriptDecoded) => {
      const begunAt = performance.now()
      const inputs = runForRequests([request.id], decodeOne)
      this.#states.set(index, requestState.decoding) // the script waits for something, or has finished
      const [result] = await Promise.allSettled([inputs])
      // The pool has taken it back, because another request occupied this worker for long.
      if (!this.#states.change(index, requestState.decoding, requestState.running)) this.#results.takenBack()
      else if (result.status === 'rejected') this.#results.fail(index, result.reason)
      else decoded.push(this.#decoded(index, request, result.value, performance.now() - begunAt))
    }
    for (;;) {
      while (decoding.size < maxDecoding && own.length > 0) {
        const next = own.shift() as ScriptDecoded
        if (!this.#results.begin(next.index)) continue
        const done: Promise<void> = decode(next).finally(() => decoding.delete(done))
        decoding.add(done)
      }
      if (decoded.length > 0) await this.#runBatches(script, decoded.splice(0))
      else if (decoding.size === 0) return
      else {
        this.#results.flush() // no result waits for a body that may never be ready
        await Promise.race(decoding)
        await nextTurn() // bodies that are ready in the same turn of the event loop share a run
      }
    }
  }

  /** A ciphertext shares no run. */
  async #runEncrypted(index: number, request: InferenceRequest): Promise<void> {
    if (!this.#results.begin(index)) return
    try {
      const startedAt = performance.now()
      const output = (this.#service.encrypted as EncryptedScorer).run(request)
      const runMs = performance.now() - startedAt
      this.#results.ran(1, 1, runMs)
      await this.#results.add({ index, codec: { encode: () => output }, decodeMs: 0, rowCount: 1 }, output, runMs)
    } catch (cause) {
      const message = 'The model could not score this input. Check the logs for more info.'
      const isKnown = cause instanceof ScoringError
      this.#results.fail(index, isKnown ? cause : new ScoringError('MODEL_RUN_FAILED', message, { cause }))
    }
  }

  /** @throws ScoringError TOO_MANY_ROWS */
  #limited({ hasRowAxis }: JoiningScript, inputs: DecodedFeeds): DecodedFeeds {
    const limit = this.#service.maxRows
    if (hasRowAxis && countRows(inputs.feeds) > limit) {
      throw new ScoringError(
        'TOO_MANY_ROWS',
        `the request has ${countRows(inputs.feeds)} rows, the service takes ${limit} (limits.maxRows); submit fewer at a time`,
      )
    }
    return inputs
  }

  #decoded(index: number, request: InferenceRequest, { feeds, form }: DecodedFeeds, decodeMs: number): DecodedRow {
    this.#states.set(index, requestState.waiting)
    return {
      index,
      codec: this.#codec(request),
      form,
      feeds,
      rowCount: countRows(feeds),
      mayShare: mayShare(feeds, this.#service.sharing),
      byteCount: tensorBytes(feeds),
      cameAt: this.#results.cameAt(index),
      headers: readHeaders(request),
      id: request.id,
      decodeMs,
      isMoved: request.body.byteLength >= movedFromBytes,
    }
  }

  async #runBatches(script: JoiningScript, decoded: readonly DecodedRow[]): Promise<void> {
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

function withOwnBody(request: InferenceRequest): InferenceRequest {
  if (!isShared(request.body)) return request
  const { buffer } = Buffer.allocUnsafeSlow(request.body.byteLength)
  const body = new Uint8Array(buffer)
  copyBytes(request.body, body)
  return { ...request, body }
}

function sumOfRows(batch: readonly DecodedRow[]): number {
  return batch.reduce((sum, { rowCount }) => sum + rowCount, 0)
}

/** The headers of a request, which are sent only for a script that takes them. */
function readHeaders({ details }: InferenceRequest): RequestHeaders | undefined {
  return details?.headers && titledHeaders(details.headers)
}
