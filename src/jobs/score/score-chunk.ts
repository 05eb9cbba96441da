import { spanAttribute } from '../../telemetry/metric-names.ts'
import type { Span } from '../../telemetry/tracing.ts'
import type { BlobHead } from '../blob-store.ts'
import { asJobFailure, JobStopped, modelChanged } from '../failure.ts'
import { partNumber } from '../limits.ts'
import { type JobMessage, type JobStep, jobMessage, messageJobFolder } from '../message-queues.ts'
import { isActive, type OpenJob, openJob, whileActive } from '../open-job.ts'
import { afterResult, type FollowingSteps } from '../output/after-result.ts'
import { type ChunkOutput, encodeChunk } from '../output/chunk-output.ts'
import { hasNextResult, headResult, writeResult } from '../output/chunk-result.ts'
import { chunkTable } from '../output/chunk-table.ts'
import { failJob } from '../output/end-job.ts'
import { type ResultLines, resultLines } from '../output/result-lines.ts'
import { listPlan, type PlanPart, readPart, rowInFile } from '../plan-parts.ts'
import type { Row } from '../row-scorer.ts'
import type { JobSpec } from '../spec.ts'
import type { JobTools } from '../tools.ts'
import { AttemptLog } from './attempt-log.ts'
import { type ChunkSource, type ChunkText, readChunkRows, readChunkText, type TextTools } from './chunk-rows.ts'
import { ChunkSpan } from './chunk-span.ts'
import { RowInProgress, scoreInIsolation, scorePendingRows } from './isolation.ts'
import { nameRequest } from './request-name.ts'
import { joinPieces, pieceResults } from './scored-pieces.ts'
import type { ScoringLock } from './scoring-lock.ts'
import { namedByIndexes } from './service-row-scorer.ts'

export interface ScoreTools extends TextTools {
  /** One for the process. */
  readonly lock: ScoringLock
}

export type ChunkMessage = JobMessage & { readonly chunk: number }

export interface ChunkDelivery {
  readonly message: ChunkMessage
  /** How often the message has been received, from 1. */
  readonly deliveryCount: number
  /** How long the rows of a chunk are scored before the rest is left to another message, in milliseconds. */
  readonly budgetMs: number
  /** Gets each chunk as a part; absent: the step is not traced. */
  readonly span?: Span | undefined
}

/**
 * Scores the chunk of a message and commits its result, and goes on with the chunks that are one, two, … windows later, until its
 * turn is over. Then it enqueues the next one, behind the messages of other jobs.
 *
 * @returns the step that follows at once
 * @throws failures after which a retry may succeed
 */
export async function scoreChunk(tools: ScoreTools, delivery: ChunkDelivery): Promise<readonly JobStep[]> {
  const { queues, clock, limits } = tools
  const { message, budgetMs, span } = delivery
  const turnEndsAt = clock.monotonicMs() + limits.turnMs
  const folder = messageJobFolder(message)
  const job = await openJob(tools, folder)
  if (!job || !isActive(job.state)) return []
  const isRedelivered = delivery.deliveryCount > 1
  const result = await headResult(tools, folder, message.chunk)
  // A duplicate, unless the message was redelivered.
  if (result) return isRedelivered ? resumeAfter(tools, job, { chunk: message.chunk, result }) : []
  const isIsolated = isRedelivered || message.isRevival === true
  let after = await scoreOrRetry(tools, job, { message, isRedelivered, isIsolated, budgetMs, span })
  const steps = after.finish ? [after.finish] : []
  while (after.chunk !== undefined) {
    const next = { ...jobMessage(folder), chunk: after.chunk }
    if (clock.monotonicMs() >= turnEndsAt) {
      await queues.send('chunk', next)
      break
    }
    // If this fails, the redelivered message gives the chunk one of its own.
    const isFresh = { isRedelivered: false, isIsolated: false }
    after = await scoreOrRetry(tools, job, { message: next, ...isFresh, budgetMs, span })
    if (after.finish) steps.push(after.finish)
  }
  return steps
}

/**
 * Completes what the previous receiver of a message may have left undone between a result and what follows from it, and enqueues
 * the first chunk at this position of the window that has no result: one of its rows may have ended the process.
 */
async function resumeAfter(
  tools: ScoreTools,
  job: OpenJob,
  first: { readonly chunk: number; readonly result: BlobHead },
): Promise<readonly JobStep[]> {
  const { clock, limits, queues } = tools
  const { folder } = job.spec
  const deadline = clock.monotonicMs() + limits.chunkBudgetMs
  const steps: JobStep[] = []
  let { chunk } = first
  for (let result: BlobHead | undefined = first.result; result; result = await headResult(tools, folder, chunk)) {
    const part = await findPart(tools, job.spec, chunk)
    if (!part) return steps
    const failed = Number(result.metadata.failed)
    const after = await afterResult(tools, job, { chunk, failed, part, goesOn: true })
    if (after.finish) steps.push(after.finish)
    if (after.chunk === undefined) return steps
    chunk = after.chunk
    if (clock.monotonicMs() >= deadline) break
  }
  await queues.send('chunk', { ...jobMessage(folder), chunk, isRevival: true })
  return steps
}

interface ScoredMessage extends Pick<ChunkDelivery, 'message' | 'budgetMs' | 'span'> {
  /** The previous receiver of the message may have died. */
  readonly isRedelivered: boolean
  /** A row of the chunk may have ended a process. */
  readonly isIsolated: boolean
}

/** @returns what follows; nothing if another message takes over. @throws failures after which a retry may succeed */
async function scoreOrRetry(tools: ScoreTools, job: OpenJob, scored: ScoredMessage): Promise<FollowingSteps> {
  const { message, isRedelivered, isIsolated, budgetMs } = scored
  const { chunk } = message
  const part = await findPart(tools, job.spec, chunk)
  const planned = part?.chunks.find(each => each.chunk === chunk)
  try {
    if (!part || !planned) {
      await waitForPlan(tools, message)
      return {}
    }
    const isContinued = message.isContinued === true
    const task = { part, planned, isIsolated, isContinued, budgetMs }
    const results = await traceRows(tools, scored, span => scoreRows(tools, job.spec, { ...task, span }))
    if (!results) {
      // A new message, because nothing has failed.
      await tools.queues.send('chunk', { ...message, isRevival: isIsolated, isContinued: true })
      return {}
    }
    const isFirstWriter = await writeResult(tools, job.spec, planned, results)
    const { failed } = results
    // The previous receiver may have died between its result and the next chunk.
    const goesOn = isFirstWriter || (isRedelivered && !(await hasNextResult(tools, job.spec.folder, chunk)))
    return await afterResult(tools, job, { chunk, failed, part, goesOn })
  } catch (failure) {
    await endOrRetry(tools, job, { message, failure })
    return {}
  }
}

/** Scores rows within a span, if the step has one. */
async function traceRows(
  { tracing }: ScoreTools,
  { message, span: step }: ScoredMessage,
  score: (span: Span | undefined) => Promise<ChunkOutput | undefined>,
): Promise<ChunkOutput | undefined> {
  const span = ChunkSpan.start(tracing, step, message.chunk)
  try {
    const results = await score(span)
    if (results) span?.set({ [spanAttribute.rows]: results.rowCount, [spanAttribute.failedRows]: results.failed })
    span?.end()
    return results
  } catch (failure) {
    span?.end((failure as { code?: string }).code ?? (failure as Error).name)
    throw failure
  }
}

function findPart({ store, cache, limits }: JobTools, spec: JobSpec, chunk: number): Promise<PlanPart | undefined> {
  const number = partNumber(chunk, limits)
  return cache.part(spec, number, () => readPart(store, spec.folder, number))
}

interface ChunkTask extends Omit<ChunkSource, 'signal'> {
  /** A row of the chunk may have ended a process. */
  readonly isIsolated: boolean
  /** Some rows have results from an earlier run. */
  readonly isContinued: boolean
  readonly budgetMs: number
  readonly span: Span | undefined
}

/** @returns undefined when the time was up; the results so far are stored for the next run */
async function scoreRows(tools: ScoreTools, spec: JobSpec, task: ChunkTask): Promise<ChunkOutput | undefined> {
  const { part, planned, isIsolated, isContinued, budgetMs } = task
  const { scorer, lock, clock } = tools
  const { folder, service, modelDigest } = spec
  // Waiting for the lock, and for a service that loads, counts: the host ends a function that takes too long.
  const deadline = clock.monotonicMs() + budgetMs
  const isTimeUp = () => clock.monotonicMs() >= deadline
  const work = async (signal: AbortSignal) => {
    if ((await scorer.modelDigest(service)) !== modelDigest) throw modelChanged(service)
    const text = await readChunkText(tools, spec, { part, planned, signal })
    const limits = { signal, isTimeUp }
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
  return encodeChunk(results, table, { format, dialect, pieces, columns, maxRowBytes })
}

interface ScoredText extends ChunkTask {
  readonly text: ChunkText
  readonly signal: AbortSignal
  readonly isTimeUp: () => boolean
}

/** Scores a chunk from text to text. @returns undefined when the service takes no such rows */
async function scoreText(
  tools: ScoreTools,
  spec: JobSpec,
  { part, planned, text, signal, isTimeUp, span }: ScoredText,
): Promise<ResultLines | 'time is up' | undefined> {
  const { scorer, store } = tools
  const { folder, service, maxRetries, modelDigest } = spec
  const { rowCount, chunk } = planned
  const { content, reading, firstLine } = text
  if (!content) return undefined
  const { form } = await chunkTable(tools, spec, { part, planned })
  const rows = { content, reading, rowCount, firstRow: rowInFile(planned), firstLine, form }
  const pieces = await scorer.scoreText(service, rows, {
    ...{ maxRetries, modelDigest, signal, isTimeUp, span },
    nameRequest: (from, to) => nameRequest({ folder, chunk, from, to }),
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
  const { part, planned, text, isIsolated, isContinued, signal, isTimeUp, span } = task
  const rows = await readChunkRows(text, planned)
  const attempts = new AttemptLog(store, { folder, part: part.part, chunk: planned.chunk })
  if (isIsolated || isContinued) await attempts.read()
  const range = { from: 0, to: rows.length }
  const name = (from: number, to: number) => nameRequest({ folder, chunk: planned.chunk, from, to })
  const score = (indexes: readonly number[], isOneByOne = false) =>
    scorer.score(
      service,
      indexes.map(index => rows[index] as Row),
      namedByIndexes({ maxRetries, modelDigest, signal, isTimeUp, span, isOneByOne, nameRequest: name }, indexes),
    )
  const isScored = isIsolated
    ? await scoreInIsolation(tools, { attempts, range, lineOf: row => rows[row]?.line, score, isTimeUp })
    : await scorePendingRows(attempts, range, score)
  if (isScored) {
    const { form } = await chunkTable(tools, spec, { part, planned })
    return resultLines(attempts.results(range), rowInFile(planned), form)
  }
  if (!isIsolated) await attempts.storeResults(range)
  return undefined
}

/** The first chunks are enqueued before the plan is complete. Either the plan will reach this one, or it does not exist. */
async function waitForPlan({ store, queues }: JobTools, message: ChunkMessage): Promise<void> {
  const { chunk } = message
  const plan = await listPlan(store, messageJobFolder(message))
  const planned = plan.reduce((sum, { chunkCount }) => sum + chunkCount, 0)
  if (plan.at(-1)?.isLast && chunk >= planned) return
  await queues.send('chunk', message, 1 + (chunk % 2)) // spread over two seconds
}

async function endOrRetry(
  tools: JobTools,
  job: OpenJob,
  { message, failure }: { readonly message: ChunkMessage; readonly failure: unknown },
): Promise<void> {
  if (failure instanceof JobStopped) return
  if (failure instanceof RowInProgress) {
    // A new message, because nothing has failed. Throwing would bring this one closer to the poison queue.
    const delaySeconds = Math.ceil(tools.limits.rowGraceMs / 2000)
    return tools.queues.send('chunk', { ...message, isRevival: true }, delaySeconds)
  }
  const fatal = asJobFailure(failure, job.spec)
  if (!fatal) throw failure
  await failJob(tools, job, fatal)
}
