import type { Span } from '../../telemetry/tracing.ts'
import { modelChanged } from '../failure.ts'
import type { KeptChunks } from '../kept-chunks.ts'
import { whileActive } from '../open-job.ts'
import { type ChunkOutput, encodeChunk } from '../output/chunk-output.ts'
import { chunkTable } from '../output/chunk-table.ts'
import { type ResultLines, resultLines } from '../output/result-lines.ts'
import { rowInFile } from '../plan-parts.ts'
import type { Row } from '../row-scorer.ts'
import type { JobSpec } from '../spec.ts'
import { AttemptLog } from './attempt-log.ts'
import { type ChunkSource, type ChunkText, readChunkRows, readChunkText, type TextTools } from './chunk-rows.ts'
import { scoreInIsolation, scorePendingRows } from './isolation.ts'
import type { PartsInProgress } from './parts-in-progress.ts'
import { joinPieces, pieceResults } from './scored-pieces.ts'
import type { ScoringLock } from './scoring-lock.ts'

export interface ScoreTools extends TextTools {
  /** One for the process. */
  readonly lock: ScoringLock
  /** One for the process. */
  readonly parts: PartsInProgress
  /** Results of chunks that were scored ahead. One for the process. */
  readonly results: KeptChunks<Promise<ChunkOutput | undefined>>
}

export interface ChunkTask extends ChunkSource {
  /** A row of the chunk may have ended a process. */
  readonly isIsolated: boolean
  /** Some rows have results from an earlier run. */
  readonly isContinued: boolean
  readonly budgetMs: number
  readonly span: Span | undefined
}

/**
 * Scores the rows of a chunk.
 *
 * @returns undefined when the time was up; the results so far are stored for the next run
 * @throws JobFailure MODEL_CHANGED; InputUnreadable, BlobGone, BlobChanged; RowInProgress; JobStopped; the reason of `task.signal`
 */
export async function scoreRows(tools: ScoreTools, spec: JobSpec, task: ChunkTask): Promise<ChunkOutput | undefined> {
  const { part, planned, isIsolated, isContinued, budgetMs } = task
  const { scorer, lock, clock } = tools
  const { folder, service, modelDigest } = spec
  // Waiting for the lock, and for a service that loads, counts: the host ends a function that takes too long.
  const deadline = clock.monotonicMs() + budgetMs
  const leftMs = () => deadline - clock.monotonicMs()
  const work = async (active: AbortSignal) => {
    const signal = AbortSignal.any([active, task.signal])
    if ((await scorer.modelDigest(service)) !== modelDigest) throw modelChanged(service)
    const text = await readChunkText(tools, spec, { part, planned, signal })
    const limits = { signal, leftMs }
    const lines = isIsolated || isContinued ? undefined : await scoreText(tools, spec, { ...task, text, ...limits })
    const scored = lines ?? (await scoreEach(tools, spec, { ...task, text, ...limits }))
    const results = scored === 'time is up' ? undefined : scored
    const written = results && (await encodeResults(tools, spec, { ...task, text, results, signal }))
    if (text.content) tools.memory.giveBack(text.content) // after a failure, a thread may still read it
    return written
  }
  // Reading is inside the lock, because the input may end the process too.
  const run = () => whileActive(tools, folder, work)
  return isIsolated ? lock.exclusive(run) : lock.shared(run)
}

async function encodeResults(
  tools: ScoreTools,
  spec: JobSpec,
  { part, planned, text, results, signal }: ChunkSource & { readonly text: ChunkText; readonly results: ResultLines },
): Promise<ChunkOutput> {
  const table = await chunkTable(tools, spec, { part, planned })
  if (table.include.length === 0) return encodeChunk(results, table, undefined)
  // A text that is not held has been read to its end.
  const { pieces } = text.content ? text : await readChunkText(tools, spec, { part, planned, signal })
  const { format, dialect, columns = [], maxRowBytes } = text.reading
  return encodeChunk(results, table, { format, dialect, pieces, packed: text.packed, columns, maxRowBytes })
}

interface ScoredText extends ChunkTask {
  readonly text: ChunkText
  readonly leftMs: () => number
}

/** Scores a chunk from text to text. @returns undefined when the service takes no such rows */
async function scoreText(
  tools: ScoreTools,
  spec: JobSpec,
  { part, planned, text, signal, leftMs, span }: ScoredText,
): Promise<ResultLines | 'time is up' | undefined> {
  const { scorer, store } = tools
  const { folder, service, maxRetries, modelDigest } = spec
  const { rowCount, chunk } = planned
  const { content, packed, reading, firstLine } = text
  if (!content) return undefined
  const { form } = await chunkTable(tools, spec, { part, planned })
  const rows = {
    content,
    isPacked: packed !== undefined,
    reading,
    rowCount,
    firstRow: rowInFile(planned),
    firstLine,
    form,
  }
  const pieces = await scorer.scoreText(service, rows, {
    ...{ maxRetries, modelDigest, signal, span },
    budgetMs: leftMs(),
    origin: { folder, chunk },
  })
  if (!pieces) return undefined
  const lines = joinPieces(pieces, rows)
  if (lines) return lines
  const attempts = new AttemptLog(store, { folder, part: part.part, chunk })
  for (const { from, results } of pieces.map(piece => ({ ...piece, results: pieceResults(piece, form) }))) {
    for (const [index, result] of results.entries()) if (result) attempts.setResult(from + index, result)
  }
  await attempts.storeResults({ from: 0, to: rowCount })
  return 'time is up'
}

/** Scores the rows of a chunk that have no result yet: one of them may have ended a process, or the time was up before. */
async function scoreEach(tools: ScoreTools, spec: JobSpec, task: ScoredText): Promise<ResultLines | undefined> {
  const { scorer, store } = tools
  const { folder, service, maxRetries, modelDigest } = spec
  const { part, planned, text, isIsolated, isContinued, signal, leftMs, span } = task
  const rows = await readChunkRows(text, planned)
  const attempts = new AttemptLog(store, { folder, part: part.part, chunk: planned.chunk })
  if (isIsolated || isContinued) await attempts.read()
  const range = { from: 0, to: rows.length }
  const score = (indexes: readonly number[], isOneByOne = false) =>
    scorer.score(
      service,
      indexes.map(index => rows[index] as Row),
      {
        ...{ maxRetries, modelDigest, signal, span, isOneByOne },
        budgetMs: leftMs(),
        origin: { folder, chunk: planned.chunk, indexes },
      },
    )
  const isScored = isIsolated
    ? await scoreInIsolation(tools, {
        attempts,
        range,
        lineOf: row => rows[row]?.line,
        score,
        isTimeUp: () => leftMs() <= 0,
      })
    : await scorePendingRows(attempts, range, score)
  if (isScored) {
    const { form } = await chunkTable(tools, spec, { part, planned })
    return resultLines(attempts.results(range), rowInFile(planned), form)
  }
  if (!isIsolated) await attempts.storeResults(range)
  return undefined
}
