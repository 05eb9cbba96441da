import { setTimeout as delay } from 'node:timers/promises'
import type { LoadReport, ScoringAnswer } from '../engine/hand-over.ts'
import type { TensorInfo } from '../engine/model-session.ts'
import { ScoringError } from '../errors.ts'
import { bodyTooLarge } from '../protocols/azureml.ts'
import type { ScoringService } from '../scoring/scoring-service.ts'
import { contentOf, type RequestFailure } from './answer-content.ts'
import { RequestSize } from './request-size.ts'
import { type RowForm, rowFormOf, tensorsOf } from './row-form.ts'
import type { Row, RowResult, RowScorer } from './row-scorer.ts'

export interface ServiceRowScorerOptions {
  /** @throws ScoringError SERVICE_UNKNOWN */
  find(service: string): ScoringService
  /** @throws ScoringError SERVICE_UNKNOWN */
  modelDigest(service: string): Promise<string>
  /** Requests that one call has under way, so that no thread waits for the next. */
  readonly requestsUnderWay: number
}

/** Between one try of a row and the next, in milliseconds; doubled each time. */
const firstRetryMs = 100
const busyMs = 1000

/**
 * Scores rows by the services that answer over HTTP, behind their callers. Rows that can share a request do, as their
 * micro-batches do over HTTP. A request that fails tells nothing about any one row: its halves go again, until each bad
 * row stands alone and has the failure that a caller would have got for it.
 */
export class ServiceRowScorer implements RowScorer {
  readonly #options: ServiceRowScorerOptions
  readonly #sizes = new Map<string, RequestSize>()

  constructor(options: ServiceRowScorerOptions) {
    this.#options = options
  }

  modelDigest(service: string): Promise<string> {
    return this.#options.modelDigest(service)
  }

  async inputs(service: string, signal: AbortSignal): Promise<readonly TensorInfo[] | undefined> {
    return tensorsOf(await readyReport(this.#options.find(service), signal))
  }

  async score(name: string, rows: readonly Row[], maxRetries: number, signal: AbortSignal): Promise<RowResult[]> {
    const service = this.#options.find(name)
    const report = await readyReport(service, signal)
    if (report.scriptKind === 'rawHttp') return rows.map(() => notForJobs)
    const size = this.#sizes.get(name) ?? new RequestSize(service.definition.limits.maxRows)
    this.#sizes.set(name, size)
    const failed = new AbortController()
    const run = new Run(service, report, rows, size, maxRetries, AbortSignal.any([signal, failed.signal]))
    try {
      await Promise.all(Array.from({ length: this.#options.requestsUnderWay }, () => run.work()))
    } catch (failure) {
      failed.abort() // what else is under way is for nobody
      throw failure
    }
    return run.results
  }
}

const notForJobs: RowResult = {
  code: 'JOB_INVALID',
  message: 'The service takes whole HTTP requests (rawHttp), which rows of a job are not.',
}

/** Never that of a row alone: its answer is the prediction. */
const notTold: RequestFailure = {
  code: 'OUTPUT_NOT_SERIALISABLE',
  message: 'The answer does not tell which row got what.',
  mayPass: false,
}

/** Also the state of a service that has lost its threads: it loads them again. */
async function readyReport(service: ScoringService, signal: AbortSignal): Promise<LoadReport> {
  for (;;) {
    signal.throwIfAborted()
    try {
      return service.requireReady()
    } catch (failure) {
      if (!(failure instanceof ScoringError) || failure.code !== 'SERVICE_LOADING') throw failure
      await delay(busyMs, undefined, { signal })
    }
  }
}

/** One row on its way; `index` is its place among the results. */
interface PlacedRow {
  readonly index: number
  readonly json: string
}

/** The rows of one call. Several workers take requests from it until none is left. */
class Run {
  readonly results: RowResult[]
  readonly #service: ScoringService
  readonly #report: LoadReport
  readonly #form: RowForm
  readonly #rows: readonly PlacedRow[]
  readonly #size: RequestSize
  readonly #maxRetries: number
  readonly #signal: AbortSignal
  #next = 0

  constructor(
    service: ScoringService,
    report: LoadReport,
    rows: readonly Row[],
    size: RequestSize,
    maxRetries: number,
    signal: AbortSignal,
  ) {
    this.#service = service
    this.#report = report
    this.#form = rowFormOf(report)
    this.results = rows.map(row => ('json' in row ? { prediction: '' } : row))
    this.#rows = rows.flatMap((row, index) => ('json' in row ? [{ index, json: row.json }] : []))
    this.#size = size
    this.#maxRetries = maxRetries
    this.#signal = signal
  }

  async work(): Promise<void> {
    for (let rows = this.#take(); rows.length > 0; rows = this.#take()) await this.#score(rows)
  }

  /** The rows of the next request; none when all are taken. */
  #take(): readonly PlacedRow[] {
    const start = this.#next
    const most = start < this.#rows.length ? this.#size.take(this.#rows, start) : 0
    const rows = this.#rows.slice(start, start + most)
    const stranger = rows.findIndex(({ json }) => !this.#form.joins(json))
    const taken = stranger < 0 ? rows : rows.slice(0, Math.max(1, stranger))
    this.#next += taken.length
    return taken
  }

  async #score(rows: readonly PlacedRow[]): Promise<void> {
    const failure = await this.#try(rows)
    if (failure === undefined) return
    const [only, ...others] = rows
    if (only && others.length === 0) return this.#scoreAgain(only, failure)
    const half = Math.ceil(rows.length / 2)
    await this.#score(rows.slice(0, half))
    await this.#score(rows.slice(half))
  }

  async #scoreAgain(row: PlacedRow, first: RequestFailure): Promise<void> {
    let failure: RequestFailure | undefined = first
    for (let retry = 0; failure?.mayPass && retry < this.#maxRetries; retry++) {
      await delay(firstRetryMs * 2 ** retry, undefined, { signal: this.#signal })
      failure = await this.#try([row])
    }
    if (failure) this.results[row.index] = { code: failure.code, message: failure.message }
  }

  /** @returns why the rows have no results yet */
  async #try(rows: readonly PlacedRow[]): Promise<RequestFailure | undefined> {
    const texts = rows.map(({ json }) => json)
    const answer = await this.#ask(this.#form.bodyOf(texts))
    const content = contentOf(answer, this.#service.definition.response.encoding)
    if (typeof content !== 'string') return content
    const predictions = this.#form.predictionsOf(content, texts)
    if (!predictions) return notTold
    if ('execMs' in answer) this.#size.ran(rows.length, answer.execMs)
    for (const [at, { index }] of rows.entries()) this.results[index] = { prediction: predictions[at] as string }
    return undefined
  }

  /** @throws ScoringError SERVICE_UNAVAILABLE, SERVICE_STOPPING; AbortError */
  async #ask(text: string): Promise<ScoringAnswer> {
    const { limits } = this.#service.definition
    const details = this.#report.takesHeaders ? { headers: [['content-type', 'application/json'] as const] } : undefined
    for (;;) {
      this.#signal.throwIfAborted()
      const body = new TextEncoder().encode(text)
      if (body.byteLength > limits.maxBodyBytes) return bodyTooLarge(limits.maxBodyBytes)
      const request = { body, contentType: 'application/json', details }
      const answer = await this.#service.scoreInBackground(request, () => this.#signal.aborted).catch(asAnswer)
      this.#signal.throwIfAborted()
      if (!('code' in answer)) return answer
      if (answer.code === 'SERVICE_UNAVAILABLE' || answer.code === 'SERVICE_STOPPING') {
        throw new ScoringError(answer.code, answer.message)
      }
      if (answer.code !== 'QUEUE_FULL' && answer.code !== 'SERVICE_LOADING') return answer
      const waitMs = answer.retryAfterSeconds === undefined ? busyMs : 1000 * answer.retryAfterSeconds
      await delay(waitMs, undefined, { signal: this.#signal })
    }
  }
}

function asAnswer(failure: unknown): ScoringAnswer {
  if (!(failure instanceof ScoringError)) throw failure
  const { code, message, retryAfterSeconds } = failure
  return { code, message, ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }) }
}
