import { setImmediate as nextTurn } from 'node:timers/promises'
import { ScoringError } from '../../errors.ts'
import { isShared } from '../../scheduling/body-memory.ts'
import { movedFromBytes, requestState } from '../../scheduling/dispatch.ts'
import { type InferenceRequest, tensorBytes } from '../../scheduling/inference-request.ts'
import type { RequestHeaders } from '../../scripts/api.ts'
import { countRows } from '../../scripts/row-feeds.ts'
import { mayShare } from '../../scripts/row-sharing.ts'
import { titledHeaders } from '../../scripts/run-parameters.ts'
import type { PreprocessingPipeline, RawRequestScript, RowScript } from '../../scripts/script.ts'
import { copyBytes } from '../../tensor/copy-bytes.ts'
import type { RequestStates } from '../transport/request-states.ts'
import { BatchRunner, type DecodedRow, type JoiningScript } from './batch-runner.ts'
import type { Codec, DecodedFeeds } from './codec.ts'
import { DispatchResults, type PostMessage } from './dispatch-results.ts'
import type { EncryptedScorer } from './encrypted-scorer.ts'
import type { LoadedService } from './load-service.ts'
import { runForRequests } from './thread-output.ts'

/** Most bodies that a script decodes at a time: libuv has four threads, and each image takes memory. */
const maxDecoding = 4

/** A request whose rows a script makes, which may wait for other things. */
interface ScriptDecoded {
  readonly index: number
  readonly request: InferenceRequest
  decode(): Promise<DecodedFeeds>
}

/** Decodes the requests of a dispatch, has them run and posts their answers. */
export class DispatchRunner {
  readonly #service: LoadedService
  readonly #states: RequestStates
  readonly #results: DispatchResults
  readonly #batches: BatchRunner

  constructor(service: LoadedService, states: RequestStates, post: PostMessage) {
    this.#service = service
    this.#states = states
    this.#results = new DispatchResults(states, service, post)
    this.#batches = new BatchRunner(service, states, this.#results)
  }

  /**
   * Scores the requests of a dispatch. A script gets bodies of its own: it may keep them, and shared memory is used again.
   * Requests that the dispatch before it yielded come first in it, under new indexes.
   *
   * @param resumed  their positions among those yielded; the rest of these is dropped
   */
  async run(received: readonly InferenceRequest[], resumed: readonly number[] = []): Promise<void> {
    const requests = this.#service.isBuiltIn ? received : received.map(withOwnBody)
    const yielded = this.#batches.resume(resumed)
    this.#results.expect([...yielded, ...requests].map(({ id }) => id))
    for (const { index, cameAt } of yielded) this.#results.cameAt(index, cameAt)
    if (resumed.length + requests.length === 0) return this.#results.flush()
    const { script } = this.#service
    if (script.kind === 'rows') await this.#runRows(script, requests, resumed.length)
    else if (script.kind === 'preprocessing') await this.#runPreprocessing(script, requests)
    else {
      for (const [index, request] of requests.entries())
        await runForRequests([request.id], () => this.#runAlone(script, index, request))
    }
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
    return this.#batches.run(script, decoded)
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
      if (decoded.length > 0) await this.#batches.run(script, decoded.splice(0))
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
}

function withOwnBody(request: InferenceRequest): InferenceRequest {
  if (!isShared(request.body)) return request
  const { buffer } = Buffer.allocUnsafeSlow(request.body.byteLength)
  const body = new Uint8Array(buffer)
  copyBytes(request.body, body)
  return { ...request, body }
}

/** The headers of a request, which are sent only for a script that takes them. */
function readHeaders({ details }: InferenceRequest): RequestHeaders | undefined {
  return details?.headers && titledHeaders(details.headers)
}
