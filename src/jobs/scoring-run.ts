import { setTimeout as delay } from 'node:timers/promises'
import { ScoringError } from '../errors.ts'
import type { ScoringService } from '../inference/scoring-service.ts'
import type { LoadReport } from '../models/session/load-report.ts'
import { bodyTooLarge } from '../protocols/http/read-body.ts'
import { asFailure, type WholeResult } from '../scheduling/inference-result.ts'
import { contentOf, type RequestFailure } from './answer-content.ts'
import type { RequestSize } from './request-size.ts'
import { type RowForm, rowFormOf } from './row-form.ts'
import type { Row, RowResult } from './row-scorer.ts'

/** Between one try of a row and the next, in milliseconds; doubled each time. */
const firstRetryMs = 100
const busyMs = 1000

/** Never that of a row alone: its answer is the prediction. */
const notTold: RequestFailure = {
  code: 'OUTPUT_NOT_SERIALISABLE',
  message: 'The answer does not tell which row got what.',
  mayPass: false,
}

/** One row on its way; `index` is its place among the results. */
interface PlacedRow {
  readonly index: number
  readonly json: string
}

/** A row whose run failed, and may fare better later. */
interface FailedRow {
  readonly row: PlacedRow
  readonly failure: RequestFailure
  readonly tries: number
  /** By `performance.now()`. */
  readonly dueAt: number
}

export interface ScoringRunOptions {
  readonly size: RequestSize
  readonly maxRetries: number
  readonly signal: AbortSignal
  readonly isTimeUp: () => boolean
}

/** The rows of one call. Several workers take requests from it until none is left, or the time is up. */
export class ScoringRun {
  readonly results: (RowResult | undefined)[]
  readonly #service: ScoringService
  readonly #report: LoadReport
  readonly #form: RowForm
  readonly #rows: readonly PlacedRow[]
  readonly #options: ScoringRunOptions
  /** In the order in which they failed. */
  #failed: FailedRow[] = []
  #next = 0
  #hasResult: boolean

  constructor(service: ScoringService, report: LoadReport, rows: readonly Row[], options: ScoringRunOptions) {
    this.#service = service
    this.#report = report
    this.#form = rowFormOf(report)
    this.results = rows.map(row => ('json' in row ? undefined : row))
    this.#rows = rows.flatMap((row, index) => ('json' in row ? [{ index, json: row.json }] : []))
    this.#hasResult = this.#rows.length < rows.length
    this.#options = options
  }

  /** Other rows go on while a failed one waits: where every second one fails, the pauses would add up to hours. */
  async work(): Promise<void> {
    while (!this.#isOver()) {
      const due = this.#takeDue()
      const rows = due ? [] : this.#take()
      if (due) await this.#tryAgain(due)
      else if (rows.length > 0) await this.#score(rows)
      else if (this.#failed.length > 0) await this.#pause()
      else return
    }
  }

  /** Without a result there is no end: else the next run would have as much before it as this one. */
  #isOver(): boolean {
    return this.#hasResult && this.#options.isTimeUp()
  }

  /** The rows of the next request; none when all are taken. */
  #take(): readonly PlacedRow[] {
    const start = this.#next
    const most = start < this.#rows.length ? this.#options.size.take(this.#rows, start) : 0
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
    if (only && others.length === 0) return this.#failOrWait(only, failure, 1)
    // Each part of a request that took too long may take as long again: a row that never ends shows at once alone.
    const count = failure.code === 'SCORING_TIMEOUT' ? 1 : Math.ceil(rows.length / 2)
    for (let start = 0; start < rows.length && !this.#isOver(); start += count) {
      await this.#score(rows.slice(start, start + count))
    }
  }

  #takeDue(): FailedRow | undefined {
    const now = performance.now()
    const due = this.#failed.find(({ dueAt }) => dueAt <= now)
    if (due) this.#failed = this.#failed.filter(each => each !== due)
    return due
  }

  #pause(): Promise<void> {
    const firstAt = Math.min(...this.#failed.map(({ dueAt }) => dueAt))
    const ms = Math.max(1, firstAt - performance.now())
    return delay(ms, undefined, { signal: this.#options.signal })
  }

  async #tryAgain({ row, tries }: FailedRow): Promise<void> {
    const failure = await this.#try([row])
    if (failure) this.#failOrWait(row, failure, tries + 1)
  }

  #failOrWait(row: PlacedRow, failure: RequestFailure, tries: number): void {
    if (failure.mayPass && tries <= this.#options.maxRetries) {
      this.#failed.push({ row, failure, tries, dueAt: performance.now() + firstRetryMs * 2 ** (tries - 1) })
    } else {
      this.#know(row, { code: failure.code, message: failure.message })
    }
  }

  #know({ index }: PlacedRow, result: RowResult): void {
    this.results[index] = result
    this.#hasResult = true
  }

  /** @returns why the rows have no results yet */
  async #try(rows: readonly PlacedRow[]): Promise<RequestFailure | undefined> {
    const { definition } = this.#service
    const texts = rows.map(({ json }) => json)
    const answer = await this.#ask(this.#form.bodyOf(texts))
    const content = contentOf(answer, definition.response.encoding)
    if (typeof content !== 'string') {
      // Else one row that takes for ever would have many beside it again and again.
      if (content.code === 'SCORING_TIMEOUT') this.#options.size.ran(rows.length, definition.limits.timeoutMs)
      return content
    }
    const predictions = this.#form.predictionsOf(content, texts)
    if (!predictions) return notTold
    if (answer.kind !== 'failure') this.#options.size.ran(rows.length, answer.timings.runMs)
    for (const [at, row] of rows.entries()) this.#know(row, { prediction: predictions[at] as string })
    return undefined
  }

  /** @throws ScoringError SERVICE_UNAVAILABLE, SERVICE_STOPPING; AbortError */
  async #ask(text: string): Promise<WholeResult> {
    const { limits } = this.#service.definition
    const details = this.#report.takesHeaders ? { headers: [['content-type', 'application/json'] as const] } : undefined
    const { signal } = this.#options
    for (;;) {
      signal.throwIfAborted()
      const body = new TextEncoder().encode(text)
      if (body.byteLength > limits.maxBodyBytes) return asFailure(bodyTooLarge(limits.maxBodyBytes))
      const request = { codec: 'azureml', body, contentType: 'application/json', details }
      const answer = await this.#service.inferInBackground(request, () => signal.aborted).catch(asAnswer)
      signal.throwIfAborted()
      if (answer.kind !== 'failure') return answer
      if (answer.code === 'SERVICE_UNAVAILABLE' || answer.code === 'SERVICE_STOPPING') {
        throw new ScoringError(answer.code, answer.message)
      }
      if (answer.code !== 'QUEUE_FULL' && answer.code !== 'SERVICE_LOADING') return answer
      const waitMs = answer.retryAfterSeconds === undefined ? busyMs : 1000 * answer.retryAfterSeconds
      await delay(waitMs, undefined, { signal })
    }
  }
}

function asAnswer(failure: unknown): WholeResult {
  if (!(failure instanceof ScoringError)) throw failure
  return asFailure(failure)
}
