import type { MessagePort } from 'node:worker_threads'
import { isServerFault, ScoringError } from '../../errors.ts'
import { maxDispatchSize, requestState } from '../../scheduling/dispatch.ts'
import { type Failure, failure } from '../../scheduling/inference-result.ts'
import type { WorkerMessage } from '../transport/messages.ts'
import { type CrossingResult, crossesAsText, packResults, packTensors } from '../transport/packed-dispatch.ts'
import type { RequestStates } from '../transport/request-states.ts'
import { sendBody } from '../transport/streamed-body.ts'
import type { Codec, RunOutput } from './codec.ts'
import type { LoadedService } from './load-service.ts'
import { logFailure } from './thread-log.ts'

export type PostMessage = (message: WorkerMessage, transfer: (ArrayBuffer | MessagePort)[]) => void

/** Results are posted together; a result waits at most this long for the next. */
const flushAfterMs = 2

/** The result of a request before it crosses to the main thread. */
type RunResult = RunOutput | Failure

/** A request that has run. */
interface RunRequest {
  readonly index: number
  readonly codec: Pick<Codec, 'encode'>
  /** See `DecodedFeeds`. */
  readonly form?: unknown
  readonly decodeMs: number
  readonly rowCount: number
}

/** Collects the results of a dispatch and the statistics of its runs, and posts them to the main thread. */
export class DispatchResults {
  readonly #states: RequestStates
  readonly #service: LoadedService
  readonly #hasRows: boolean
  readonly #post: PostMessage
  #indexes: number[] = []
  #results: RunResult[] = []
  #runs: number[] = []
  /** Rows of the latest run, or its requests. */
  #batchSize = 0
  #bisected = 0
  #left = 0
  /** When each request arrived, as `performance.now()`. */
  readonly #cameAt = new Float64Array(maxDispatchSize)
  /** Ids of the requests, for the log. */
  #ids: (string | undefined)[] = []
  #flushedAt = 0

  constructor(states: RequestStates, service: LoadedService, post: PostMessage) {
    this.#states = states
    this.#service = service
    this.#hasRows = 'hasRowAxis' in service.script && service.script.hasRowAxis
    this.#post = post
  }

  /** Begins a dispatch of requests with these ids. */
  expect(ids: (string | undefined)[]): void {
    this.#left = ids.length
    this.#ids = ids
    this.#flushedAt = performance.now()
    this.#cameAt.fill(this.#flushedAt)
  }

  /** @returns when the request came; with `time`, a resumed request came with an earlier dispatch */
  cameAt(index: number, time?: number): number {
    if (time !== undefined) this.#cameAt[index] = time
    return this.#cameAt[index] as number
  }

  /** Ends the dispatch although these requests are not answered: a further dispatch may resume them. */
  yield(indexes: readonly number[]): void {
    this.#left = 0
    this.#flush(indexes)
  }

  /** @returns false when the request was taken back meanwhile */
  begin(index: number): boolean {
    // A script may block the worker for ever, or end it: results of other requests must have been posted by then.
    if (!this.#service.isBuiltIn && this.#results.length > 0) this.flush()
    this.#states.markStart()
    const isBegun = this.#states.change(index, requestState.waiting, requestState.running)
    if (!isBegun) this.takenBack()
    return isBegun
  }

  /** Counts one call of `run`. */
  ran(requestCount: number, rowCount: number, ms: number): void {
    this.#runs.push(requestCount, rowCount, ms)
    this.#batchSize = rowCount > 0 ? rowCount : requestCount
  }

  /** Counts a run of several requests that failed and runs again in halves. */
  bisected(): void {
    this.#bisected++
  }

  /** Encodes what `run` gave; returns a promise only where the codec does. */
  add(
    { index, codec, form, decodeMs, rowCount }: RunRequest,
    result: unknown,
    runMs: number,
  ): undefined | Promise<void> {
    const startedAt = performance.now()
    const batchSize = this.#batchSize
    const done = (output: RunOutput) => {
      const now = performance.now()
      const encodeMs = now - startedAt
      // The rest of the time, in which other requests had their turn.
      const batchMs = now - (this.#cameAt[index] as number) - decodeMs - runMs - encodeMs
      this.#states.setTimings(index, { batchMs: Math.max(0, batchMs), decodeMs, runMs, encodeMs, batchSize })
      this.#states.setRowCount(index, this.#hasRows ? rowCount : 0)
      this.#add(index, output)
    }
    try {
      const output = codec.encode(result, this.#service, form)
      if (output instanceof Promise) return output.then(done).catch(cause => this.fail(index, cause))
      done(output)
    } catch (cause) {
      this.fail(index, cause)
    }
    return undefined
  }

  fail(index: number, cause: unknown): void {
    // A script may let an error about its input pass, e.g. that of `Tensor.from`.
    const error = cause instanceof ScoringError ? cause : scriptFailed(cause)
    if (isServerFault(error.status)) logFailure(error, this.#ids[index])
    this.#add(index, failure(error.code, error.message))
  }

  /** Leaves out a request that the pool has taken back. */
  takenBack(): void {
    this.#settle()
  }

  flush(): void {
    if (this.#results.length > 0 || this.#left === 0) this.#flush()
  }

  #flush(yielded?: readonly number[]): void {
    const results = this.#results
    const indexes = this.#indexes
    const stats = { runs: this.#runs, bisected: this.#bisected }
    this.#results = []
    this.#indexes = []
    this.#runs = []
    this.#bisected = 0
    this.#flushedAt = performance.now()
    const crossing = results.map((result, position) => withPort(result, this.#ids[indexes[position] as number]))
    const transfer = crossing.flatMap(result =>
      result.kind === 'response' || (result.kind === 'bytes' && !crossesAsText(result))
        ? [findTransferable(result.body)]
        : [],
    )
    this.#post(
      { type: 'results', indexes, results: packResults(crossing), isLast: this.#left === 0, yielded, ...stats },
      transfer,
    )
  }

  #add(index: number, result: RunResult): void {
    this.#states.set(index, requestState.answered)
    this.#indexes.push(index)
    this.#results.push(result)
    this.#settle()
  }

  #settle(): void {
    this.#left--
    if (this.#left === 0 || performance.now() - this.#flushedAt > flushAfterMs) this.flush()
  }
}

/** @param id  of the request, for a failure of a streamed body */
function withPort(result: RunResult, id: string | undefined): CrossingResult {
  if (result.kind === 'tensors') return { kind: 'tensors', outputs: packTensors(result.outputs) }
  if (result.kind !== 'response') return result
  const { body } = result
  if (body instanceof Uint8Array) return { ...result, body }
  return { ...result, body: sendBody(body, failure => logFailure(scriptFailed(failure), id)) }
}

function findTransferable(body: Uint8Array | MessagePort): ArrayBuffer | MessagePort {
  return ArrayBuffer.isView(body) ? (body.buffer as ArrayBuffer) : body
}

function scriptFailed(cause: unknown): ScoringError {
  const message = 'An unexpected error occurred in scoring script. Check the logs for more info.'
  return new ScoringError('ENTRY_SCRIPT_FAILED', message, { cause })
}
