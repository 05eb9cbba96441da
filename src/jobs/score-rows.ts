import { setTimeout as delay } from 'node:timers/promises'
import { ScoringError } from '../errors.ts'
import type { ScoringService } from '../inference/scoring-service.ts'
import type { LoadReport } from '../models/session/load-report.ts'
import type { TensorInfo } from '../models/session/model-session.ts'
import { RequestSize } from './request-size.ts'
import { tensorsOf } from './row-form.ts'
import type { Row, RowResult, RowScorer, RowSettings } from './row-scorer.ts'
import { ScoringRun } from './scoring-run.ts'

export interface ServiceRowScorerOptions {
  /** @throws ScoringError SERVICE_UNKNOWN */
  find(service: string): ScoringService
  /** @throws ScoringError SERVICE_UNKNOWN */
  modelDigest(service: string): Promise<string>
  /** Requests that one call has under way, so that no thread waits for the next. */
  readonly requestsUnderWay: number
}

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

  rowSettings(service: string): RowSettings {
    const { input, missing } = this.#options.find(service).definition
    return { missing, ...(input.columns && { columns: input.columns }) }
  }

  async score(
    name: string,
    rows: readonly Row[],
    maxRetries: number,
    signal: AbortSignal,
    isTimeUp: () => boolean,
  ): Promise<(RowResult | undefined)[]> {
    const service = this.#options.find(name)
    const report = await readyReport(service, signal)
    if (report.scriptKind === 'rawHttp') return rows.map(() => notForJobs)
    const size = this.#sizes.get(name) ?? new RequestSize(service.definition.limits.maxRows)
    this.#sizes.set(name, size)
    const failed = new AbortController()
    const run = new ScoringRun(service, report, rows, {
      size,
      maxRetries,
      signal: AbortSignal.any([signal, failed.signal]),
      isTimeUp,
    })
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
