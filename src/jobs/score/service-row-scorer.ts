import { setTimeout as delay } from 'node:timers/promises'
import { ScoringError } from '../../errors.ts'
import type { ScoringService } from '../../inference/scoring-service.ts'
import type { LoadReport } from '../../models/session/load-report.ts'
import type { TensorInfo } from '../../models/session/model-session.ts'
import { modelChanged } from '../failure.ts'
import type { Row, RowResult, RowScorer, RowSettings, ScoreOptions } from '../row-scorer.ts'
import { RequestSize } from './request-size.ts'
import { tensorInputs } from './row-form.ts'
import { ScoringRun } from './scoring-run.ts'

interface ServiceRowScorerOptions {
  /** @throws ScoringError SERVICE_UNKNOWN */
  find(service: string): ScoringService
  /** @throws ScoringError SERVICE_UNKNOWN */
  modelDigest(service: ScoringService): Promise<string>
  /** Requests that one call sends at a time, so that no worker waits for the next. */
  readonly concurrency: number
}

const loadingPollMs = 1000

/**
 * Scores rows with the services that answer over HTTP, behind their callers. Rows that can share a request do, and are batched as
 * over HTTP. A failed request does not show which row failed, so its halves are scored again until each bad row is alone, and
 * fails as it would for an HTTP caller.
 */
export class ServiceRowScorer implements RowScorer {
  readonly #options: ServiceRowScorerOptions
  readonly #sizes = new Map<string, RequestSize>()

  constructor(options: ServiceRowScorerOptions) {
    this.#options = options
  }

  async modelDigest(service: string): Promise<string> {
    return this.#options.modelDigest(this.#options.find(service))
  }

  async inputs(service: string, signal: AbortSignal): Promise<readonly TensorInfo[] | undefined> {
    return tensorInputs(await waitUntilLoaded(this.#options.find(service), signal))
  }

  async predictionRatio(service: string, signal: AbortSignal): Promise<number> {
    const { encrypted } = await waitUntilLoaded(this.#options.find(service), signal)
    const ratios = [encrypted?.original, encrypted?.fast].map(mode => (mode ? mode.replyBytes / mode.requestBytes : 1))
    return Math.max(1, ...ratios)
  }

  rowSettings(service: string): RowSettings {
    const { input, missing, encrypted } = this.#options.find(service).definition
    return { missing, takesEncrypted: encrypted !== false, ...(input.columns && { columns: input.columns }) }
  }

  async score(name: string, rows: readonly Row[], options: ScoreOptions): Promise<(RowResult | undefined)[]> {
    const { modelDigest } = options
    // A service that is replaced meanwhile goes on with these rows, or fails them so that they are scored again.
    const service = this.#options.find(name)
    const requireDigest = async () => {
      if (modelDigest !== undefined && (await this.#options.modelDigest(service)) !== modelDigest)
        throw modelChanged(name)
    }
    await requireDigest()
    const report = await waitUntilLoaded(service, options.signal)
    if (report.scriptKind === 'rawHttp') return rows.map(() => notForJobs)
    const size = this.#sizes.get(name) ?? new RequestSize(service.definition.limits.maxRows)
    this.#sizes.set(name, size)
    const failed = new AbortController()
    const signal = AbortSignal.any([options.signal, failed.signal])
    const run = new ScoringRun(rows, { ...options, signal, service, report, size })
    try {
      await Promise.all(Array.from({ length: this.#options.concurrency }, () => run.work()))
    } catch (failure) {
      failed.abort() // the other requests have no use any more
      throw failure
    }
    await requireDigest() // a worker that was started meanwhile may have loaded changed files
    return run.results
  }
}

const notForJobs: RowResult = {
  code: 'JOB_INVALID',
  message: 'The entry script of the service takes raw HTTP requests (rawHttp), not rows.',
}

/** A service that has lost its workers is loading too. */
async function waitUntilLoaded(service: ScoringService, signal: AbortSignal): Promise<LoadReport> {
  for (;;) {
    signal.throwIfAborted()
    try {
      return service.requireReady()
    } catch (failure) {
      if (!(failure instanceof ScoringError) || failure.code !== 'SERVICE_LOADING') throw failure
      await delay(loadingPollMs, undefined, { signal })
    }
  }
}
