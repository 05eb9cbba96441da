import { setTimeout as delay } from 'node:timers/promises'
import { ScoringError } from '../../errors.ts'
import type { ScoringService } from '../../inference/scoring-service.ts'
import type { LoadReport } from '../../models/session/load-report.ts'
import type { TensorInfo } from '../../models/session/model-session.ts'
import { atLine } from '../at-line.ts'
import { modelChanged } from '../failure.ts'
import { PackedColumns } from '../formats/packed-columns.ts'
import { readRows } from '../formats/read-rows.ts'
import { mayShareRequest, tensorInputs } from '../formats/row-form.ts'
import type {
  Row,
  RowResult,
  RowScorer,
  RowSettings,
  ScoredPiece,
  ScoreOptions,
  ServiceTraits,
  TextOfRows,
} from '../row-scorer.ts'
import { PieceSize } from './piece-size.ts'
import { RequestSize } from './request-size.ts'
import { type RunOptions, ScoringRun } from './scoring-run.ts'
import { ScoringTurns } from './scoring-turns.ts'
import type { TextPiece } from './text-cutter.ts'
import { pieceLine, TextRun, type TextRunOptions } from './text-run.ts'

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
  readonly #texts = new Map<string, { readonly size: PieceSize; readonly turns: ScoringTurns }>()

  constructor(options: ServiceRowScorerOptions) {
    this.#options = options
  }

  async modelDigest(service: string): Promise<string> {
    return this.#options.modelDigest(this.#options.find(service))
  }

  async inputs(service: string, signal: AbortSignal): Promise<readonly TensorInfo[] | undefined> {
    return tensorInputs(await waitUntilLoaded(this.#options.find(service), signal))
  }

  async traits(service: string, signal: AbortSignal): Promise<ServiceTraits> {
    const report = await waitUntilLoaded(this.#options.find(service), signal)
    const { encrypted, optionalInputs = [] } = report
    const ratios = [encrypted?.original, encrypted?.fast].map(mode => (mode ? mode.replyBytes / mode.requestBytes : 1))
    return {
      optionalInputs: optionalInputs.map(({ name }) => name),
      outputs: report.lists && report.outputs,
      predictionRatio: Math.max(1, ...ratios),
    }
  }

  async rowSettings(service: string): Promise<RowSettings> {
    const { input, missing, encrypted } = this.#options.find(service).definition
    return { missing, takesEncrypted: encrypted !== false, ...(input.columns && { columns: input.columns }) }
  }

  /** Bytes of text that threads have lately read and scored in a millisecond; undefined: none yet. */
  textSpeed(service: string): number | undefined {
    return this.#texts.get(service)?.size.bytesPerMs
  }

  score(name: string, rows: readonly Row[], options: ScoreOptions): Promise<(RowResult | undefined)[]> {
    return this.#scoreRows(name, rows, begin(options))
  }

  #scoreRows(name: string, rows: readonly Row[], options: RunOptions): Promise<(RowResult | undefined)[]> {
    return this.#withService(name, options, async ({ service, report }) => {
      if (report.scriptKind === 'rawHttp') return rows.map(() => notForJobs)
      const size = this.#sizes.get(name) ?? new RequestSize(service.definition.limits.maxRows)
      this.#sizes.set(name, size)
      const create = (signal: AbortSignal) => new ScoringRun(rows, { ...options, signal, service, report, size })
      const { results } = await this.#workTogether(options, create)
      return results.map((result, index) => result && atLine(result, rows[index]?.line))
    })
  }

  scoreText(name: string, text: TextOfRows, scoring: ScoreOptions): Promise<readonly ScoredPiece[] | undefined> {
    const options = begin(scoring)
    return this.#withService(name, options, async ({ service, report }) => {
      const inputs = tensorInputs(report)
      if (!inputs || !mayShareRequest(report)) return undefined
      const { limits, batching } = service.definition
      const size = () => new PieceSize(limits.maxRows, batching.maxRows)
      const shared = this.#texts.get(name) ?? { size: size(), turns: new ScoringTurns() }
      this.#texts.set(name, shared)
      const run = await this.#scoreTurns(text, { ...options, ...shared, service })
      const others = await this.#scoreFailed(name, { text, inputs, failed: run.failed }, options)
      return [...run.scored, ...others].sort((one, other) => one.from - other.from)
    })
  }

  async #scoreTurns(text: TextOfRows, options: RunOptions & TextRunOptions): Promise<TextRun> {
    let started: TextRun | undefined
    try {
      return await this.#workTogether(options, signal => {
        started = new TextRun(text, { ...options, signal })
        return started
      })
    } finally {
      if (started) options.turns.leave(started)
    }
  }

  /** Scores rows of pieces that failed, so that each gets its own result. */
  async #scoreFailed(name: string, task: FailedPieces, options: RunOptions): Promise<ScoredPiece[]> {
    const { text, inputs, failed } = task
    if (failed.length === 0) return []
    const rows: Row[] = []
    const packed = text.isPacked ? PackedColumns.open(text.content) : undefined
    for (const piece of failed) {
      const { from, rowCount } = piece
      const content = packed?.lines(from, from + rowCount) ?? [text.content.subarray(piece.start, piece.end)]
      rows.push(...(await readRows(content, { rowCount, line: pieceLine(text, piece) }, { ...text.reading, inputs })))
    }
    const indexes = failed.flatMap(({ from, rowCount }) => Array.from({ length: rowCount }, (_, row) => from + row))
    const origin = options.origin && { ...options.origin, indexes }
    const results = await this.#scoreRows(name, rows, { ...options, ...(origin && { origin }) })
    let at = 0
    return failed.map(({ from, rowCount }) => {
      at += rowCount
      return { from, rowCount, outcome: { results: results.slice(at - rowCount, at) } }
    })
  }

  /** @throws JobFailure MODEL_CHANGED; what `work` throws */
  async #withService<T>(
    name: string,
    { modelDigest, signal }: RunOptions,
    work: (loaded: { readonly service: ScoringService; readonly report: LoadReport }) => Promise<T>,
  ): Promise<T> {
    // A service that is replaced meanwhile goes on with these rows, or fails them so that they are scored again.
    const service = this.#options.find(name)
    const requireDigest = async () => {
      if (modelDigest !== undefined && (await this.#options.modelDigest(service)) !== modelDigest)
        throw modelChanged(name)
    }
    await requireDigest()
    const result = await work({ service, report: await waitUntilLoaded(service, signal) })
    await requireDigest() // a worker that was started meanwhile may have loaded changed files
    return result
  }

  async #workTogether<Run extends { work(): Promise<void> }>(
    options: RunOptions,
    create: (signal: AbortSignal) => Run,
  ): Promise<Run> {
    const failed = new AbortController()
    const run = create(AbortSignal.any([options.signal, failed.signal]))
    try {
      const concurrency = options.isOneByOne ? 1 : this.#options.concurrency
      await Promise.all(Array.from({ length: concurrency }, () => run.work()))
    } catch (failure) {
      failed.abort() // the other requests have no use any more
      throw failure
    }
    return run
  }
}

function begin({ budgetMs, ...options }: ScoreOptions): RunOptions {
  const endsAt = performance.now() + budgetMs
  return { ...options, isTimeUp: () => performance.now() >= endsAt }
}

interface FailedPieces {
  readonly text: TextOfRows
  readonly inputs: readonly TensorInfo[]
  readonly failed: readonly TextPiece[]
}

const notForJobs: RowResult = {
  code: 'JOB_INVALID',
  message: 'The entry script of the service takes raw HTTP requests (rawHttp), not rows.',
}

/** A service that has lost its workers is loading too, though its load is over. */
async function waitUntilLoaded(service: ScoringService, signal: AbortSignal): Promise<LoadReport> {
  let isFirstWait = true
  for (;;) {
    signal.throwIfAborted()
    try {
      return service.requireReady()
    } catch (failure) {
      if (!(failure instanceof ScoringError) || failure.code !== 'SERVICE_LOADING') throw failure
      const poll = delay(loadingPollMs, undefined, { signal })
      await (isFirstWait ? Promise.race([service.load().catch(() => {}), poll]) : poll)
      isFirstWait = false
    }
  }
}
