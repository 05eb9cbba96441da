import type { Span } from '../../telemetry/tracing.ts'
import type { BlobHead } from '../blob-store.ts'
import { asJobFailure, JobStopped } from '../failure.ts'
import { partNumber } from '../limits.ts'
import { type JobMessage, type JobStep, jobMessage, messageJobFolder } from '../message-queues.ts'
import { isActive, type OpenJob, openJob } from '../open-job.ts'
import { afterResult, type FollowingSteps, laterChunk } from '../output/after-result.ts'
import type { ChunkOutput } from '../output/chunk-output.ts'
import { hasNextResult, headResult, writeResult } from '../output/chunk-result.ts'
import { failJob } from '../output/end-job.ts'
import { listPlan, type PlannedChunk, type PlanPart, readPart } from '../plan-parts.ts'
import type { JobSpec } from '../spec.ts'
import type { JobTools } from '../tools.ts'
import { traceRows } from './chunk-span.ts'
import { RowInProgress } from './isolation.ts'
import { takeResult } from './score-ahead.ts'
import { type ScoreTools, scoreRows } from './score-rows.ts'

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
 * turn is over. Then it enqueues the next one, behind the messages of other jobs. Rows of a chunk are scored while the result of the
 * one before is written, so that threads do not wait for the storage.
 *
 * @returns the step that follows at once
 * @throws failures after which a retry may succeed
 */
export async function scoreChunk(tools: ScoreTools, delivery: ChunkDelivery): Promise<readonly JobStep[]> {
  const { clock, limits } = tools
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
  return walk(tools, job, { first: { message, isRedelivered, isIsolated, budgetMs, span }, turnEndsAt })
}

/** The chunks that follow from a message. */
interface Walk {
  readonly first: ChunkRun
  /** As `clock.monotonicMs()`. */
  readonly turnEndsAt: number
}

/** @throws failures after which a retry may succeed; the redelivered message then gives the chunk that failed one of its own */
async function walk(tools: ScoreTools, job: OpenJob, { first, turnEndsAt }: Walk): Promise<readonly JobStep[]> {
  const { queues, clock } = tools
  // The previous receiver of the message may have died of the chunk that it scored ahead, which so gets a message of its own.
  const isRevival = first.isRedelivered || undefined
  const isTurnOver = () => isRevival || clock.monotonicMs() >= turnEndsAt
  const run = (chunk: number): ChunkRun => ({ ...first, ...fresh, message: { ...jobMessage(job.spec.folder), chunk } })
  const steps: JobStep[] = []
  for (let scoring: Scoring | undefined = startScoring(tools, job, first); scoring; ) {
    const scored: ScoredChunk | undefined = await scoring.result
    if (!scored) break
    const later: number | undefined = isTurnOver()
      ? undefined
      : laterChunk(scored.planned.chunk, scored.part, tools.limits)
    const ahead: Scoring | undefined = later === undefined ? undefined : startScoring(tools, job, run(later))
    const after = await commitScored(tools, job, scored).catch(failure => {
      ahead?.abandon()
      throw failure
    })
    if (after.finish) steps.push(after.finish)
    scoring = undefined
    if (after.chunk === undefined) ahead?.abandon()
    else if (ahead) scoring = ahead
    else if (!isTurnOver()) scoring = startScoring(tools, job, run(after.chunk))
    else await queues.send('chunk', { ...run(after.chunk).message, isRevival })
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

interface ChunkRun extends Pick<ChunkDelivery, 'message' | 'budgetMs' | 'span'> {
  /** The previous receiver of the message may have died. */
  readonly isRedelivered: boolean
  /** A row of the chunk may have ended a process. */
  readonly isIsolated: boolean
}

const fresh = { isRedelivered: false, isIsolated: false }

/** A chunk whose rows have results that are not written yet. */
interface ScoredChunk {
  readonly run: ChunkRun
  readonly part: PlanPart
  readonly planned: PlannedChunk
  readonly results: ChunkOutput
}

/** A chunk whose rows are being scored. */
interface Scoring {
  /** Undefined when another message takes over, or the job has ended. Rejects with failures after which a retry may succeed. */
  readonly result: Promise<ScoredChunk | undefined>
  /** Gives the results up, which nobody needs. */
  abandon(): void
}

function startScoring(tools: ScoreTools, job: OpenJob, run: ChunkRun): Scoring {
  const abandoned = new AbortController()
  const result = scorePlanned(tools, job, run, abandoned.signal)
  result.catch(() => {}) // while the result before it is written, nobody waits for it
  return { result, abandon: () => abandoned.abort() }
}

async function scorePlanned(
  tools: ScoreTools,
  job: OpenJob,
  run: ChunkRun,
  signal: AbortSignal,
): Promise<ScoredChunk | undefined> {
  const { message, isIsolated, budgetMs } = run
  const { chunk } = message
  const part = await findPart(tools, job.spec, chunk)
  const planned = part?.chunks.find(each => each.chunk === chunk)
  try {
    if (!part || !planned) {
      await waitForPlan(tools, message)
      return undefined
    }
    const ahead = await takeResult(tools, job.spec, planned)
    if (ahead && ahead !== 'time is up') return { run, part, planned, results: ahead }
    const isContinued = message.isContinued === true || ahead === 'time is up'
    const task = { part, planned, isIsolated, isContinued, budgetMs, signal }
    const results = await traceRows(tools, { chunk, span: run.span }, span =>
      scoreRows(tools, job.spec, { ...task, span }),
    )
    if (results) return { run, part, planned, results }
    // A new message, because nothing has failed.
    await tools.queues.send('chunk', { ...message, isRevival: isIsolated, isContinued: true })
  } catch (failure) {
    if (!signal.aborted) await endOrRetry(tools, job, { message, failure })
  }
  return undefined
}

/** @returns what follows. @throws failures after which a retry may succeed */
async function commitScored(
  tools: ScoreTools,
  job: OpenJob,
  { run: { message, isRedelivered }, part, planned, results }: ScoredChunk,
): Promise<FollowingSteps> {
  const { chunk } = message
  try {
    const isFirstWriter = await writeResult(tools, job.spec, planned, results)
    // The previous receiver may have died between its result and the next chunk.
    const goesOn = isFirstWriter || (isRedelivered && !(await hasNextResult(tools, job.spec.folder, chunk)))
    return await afterResult(tools, job, { chunk, failed: results.failed, part, goesOn })
  } catch (failure) {
    await endOrRetry(tools, job, { message, failure })
    return {}
  }
}

function findPart({ store, cache, limits }: JobTools, spec: JobSpec, chunk: number): Promise<PlanPart | undefined> {
  const number = partNumber(chunk, limits)
  return cache.part(spec, number, () => readPart(store, spec.folder, number))
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
