import { setTimeout as delay } from 'node:timers/promises'
import { bodyTooLarge } from '../../errors.ts'
import type { ScoringService } from '../../inference/scoring-service.ts'
import type { LoadReport } from '../../models/session/load-report.ts'
import type { InferenceRequest } from '../../scheduling/inference-request.ts'
import { asFailure, type WholeResult } from '../../scheduling/inference-result.ts'
import { bodyForm, chooseRowForm, type RowForm } from '../formats/row-form.ts'
import type { Row, RowResult, ScoreOptions } from '../row-scorer.ts'
import { answerContent, type RequestFailure } from './answer-content.ts'
import { inferPatiently } from './infer-patiently.ts'
import { nameRows } from './request-name.ts'
import type { RequestSize } from './request-size.ts'

/** Delay before the first retry of a row, in milliseconds. It doubles with each retry. */
const firstRetryMs = 100

/** A request of several rows whose answer cannot be split. A row alone never gets it: its answer is the prediction. */
const notSplittable: RequestFailure = {
  code: 'OUTPUT_NOT_SERIALISABLE',
  message: 'The answer of the service cannot be divided by rows.',
  isTemporary: false,
}

/** A row with its index among the results. */
interface IndexedRow {
  readonly index: number
  readonly json: string
  readonly isEncrypted: boolean
}

/** A row that failed temporarily and waits for a retry. */
interface FailedRow {
  readonly row: IndexedRow
  readonly failure: RequestFailure
  readonly tries: number
  /** By `performance.now()`. */
  readonly dueAt: number
}

/** Of a call that runs. */
export interface RunOptions extends Omit<ScoreOptions, 'budgetMs'> {
  /** Once it is true, no more rows are started. */
  isTimeUp(): boolean
}

interface ScoringRunOptions extends RunOptions {
  readonly service: ScoringService
  readonly report: LoadReport
  readonly size: RequestSize
}

/** Scores the rows of one call. Several loops (`work`) send requests until no rows are left, or the time is up. */
export class ScoringRun {
  readonly results: (RowResult | undefined)[]
  readonly #form: RowForm
  readonly #rows: readonly IndexedRow[]
  readonly #options: ScoringRunOptions
  /** In the order in which they failed. */
  #failed: FailedRow[] = []
  #next = 0
  #hasResult: boolean

  constructor(rows: readonly Row[], options: ScoringRunOptions) {
    this.#form = chooseRowForm(options.report)
    this.results = rows.map(row => ('json' in row ? undefined : { code: row.code, message: row.message }))
    this.#rows = rows.flatMap((row, index) =>
      'json' in row ? [{ index, json: row.json, isEncrypted: row.isEncrypted === true }] : [],
    )
    this.#hasResult = this.#rows.length < rows.length
    this.#options = options
  }

  /** Continues with other rows while a failed one waits: with many failures, the pauses would add up to hours. */
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

  /** A run has at least one result, so that the next run has less to do. */
  #isOver(): boolean {
    return this.#hasResult && this.#options.isTimeUp()
  }

  /** Takes the rows of the next request; none when all are taken. */
  #take(): readonly IndexedRow[] {
    const start = this.#next
    const { size, isOneByOne } = this.#options
    const mostRows = isOneByOne ? 1 : Number.POSITIVE_INFINITY
    const count = start < this.#rows.length ? Math.min(mostRows, size.take(this.#rows, start)) : 0
    const rows = this.#rows.slice(start, start + count)
    const firstOther = rows.findIndex(row => !this.#chooseForm(row).canShareRequest(row.json))
    const taken = firstOther < 0 ? rows : rows.slice(0, Math.max(1, firstOther))
    this.#next += taken.length
    return taken
  }

  #chooseForm(row: IndexedRow | undefined): RowForm {
    return row?.isEncrypted ? bodyForm : this.#form
  }

  async #score(rows: readonly IndexedRow[]): Promise<void> {
    const failure = await this.#try(rows)
    if (failure === undefined) return
    const [only, ...others] = rows
    if (only && others.length === 0) return this.#failOrWait(only, failure, 1)
    // Halves of a request that timed out may time out again. Alone, a row that never ends is found at once.
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

  #failOrWait(row: IndexedRow, failure: RequestFailure, tries: number): void {
    if (failure.isTemporary && tries <= this.#options.maxRetries) {
      this.#failed.push({ row, failure, tries, dueAt: performance.now() + firstRetryMs * 2 ** (tries - 1) })
    } else {
      this.#setResult(row, { code: failure.code, message: failure.message })
    }
  }

  #setResult({ index }: IndexedRow, result: RowResult): void {
    this.results[index] = result
    this.#hasResult = true
  }

  #name(rows: readonly IndexedRow[]): string | undefined {
    const { origin } = this.#options
    return origin && nameRows(origin, rows[0]?.index ?? 0, (rows.at(-1)?.index ?? 0) + 1)
  }

  /** @returns the failure of the request; undefined when its rows have results */
  async #try(rows: readonly IndexedRow[]): Promise<RequestFailure | undefined> {
    const { definition, hasCallers } = this.#options.service
    const texts = rows.map(({ json }) => json)
    const form = this.#chooseForm(rows[0])
    const isEncrypted = form === bodyForm
    const answer = await this.#ask(form.encodeBody(texts), isEncrypted, this.#name(rows))
    // Answers to encrypted requests are JSON whatever the encoding.
    const content = answerContent(answer, isEncrypted ? 'json' : definition.response.encoding)
    if (typeof content !== 'string') {
      // Otherwise the next request would be as large, and a row that never ends would delay many others.
      if (content.code === 'SCORING_TIMEOUT' && !isEncrypted)
        this.#options.size.adapt(rows.length, definition.limits.timeoutMs, false)
      return content
    }
    const predictions = form.splitPredictions(content, texts)
    if (!predictions) return notSplittable
    // What an encrypted row takes says nothing of others.
    if (answer.kind !== 'failure' && !isEncrypted)
      this.#options.size.adapt(rows.length, answer.timings.runMs, hasCallers)
    for (const [at, row] of rows.entries()) this.#setResult(row, { prediction: predictions[at] as string })
    return undefined
  }

  /** @throws ScoringError SERVICE_UNAVAILABLE, SERVICE_STOPPING; AbortError */
  async #ask(text: string, isEncrypted: boolean, id: string | undefined): Promise<WholeResult> {
    const { service, report } = this.#options
    const { maxBodyBytes } = service.definition.limits
    const details = report.takesHeaders ? { headers: [['content-type', 'application/json'] as const] } : undefined
    const encode = () => new TextEncoder().encode(text)
    if (encode().byteLength > maxBodyBytes) return asFailure(bodyTooLarge(maxBodyBytes))
    const read = async () => {
      const request = { codec: 'azureml', body: encode(), contentType: 'application/json', id, details }
      return isEncrypted ? this.#readEncrypted(request) : request
    }
    return inferPatiently(service, read, this.#options)
  }

  /** @throws ScoringError as for a caller over HTTP: public keys are looked up */
  async #readEncrypted(request: InferenceRequest): Promise<InferenceRequest> {
    const { service, report } = this.#options
    const requests = await service.encrypted?.()
    return (await requests?.read(service, report, request, false)) ?? request
  }
}
