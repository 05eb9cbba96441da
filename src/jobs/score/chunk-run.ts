import type { Span } from '../../telemetry/tracing.ts'
import { asJobFailure, JobStopped } from '../failure.ts'
import { type JobMessage, messageJobFolder } from '../message-queues.ts'
import type { OpenJob } from '../open-job.ts'
import { afterResult, type FollowingSteps } from '../output/after-result.ts'
import type { ChunkOutput } from '../output/chunk-output.ts'
import { hasNextResult, writeResult } from '../output/chunk-result.ts'
import { closePartAndJob } from '../output/close-part.ts'
import { failJob } from '../output/end-job.ts'
import { findPart, listPlan, type PlannedChunk, type PlanPart } from '../plan-parts.ts'
import type { JobSpec } from '../spec.ts'
import type { JobTools } from '../tools.ts'
import { RowInProgress } from './isolation.ts'
import type { LeavePart } from './parts-in-progress.ts'
import { takeResult } from './score-ahead.ts'
import { type ScoreTools, scoreRows } from './score-rows.ts'
import { traceRows } from './trace-rows.ts'

export type ChunkMessage = JobMessage & { readonly chunk: number }

/** A chunk whose rows are to be scored now. */
export interface ChunkRun {
  readonly message: ChunkMessage
  /** How long its rows are scored before the rest is left to another message, in milliseconds. */
  readonly budgetMs: number
  /** Gets the chunk as a part; absent: the step is not traced. */
  readonly span?: Span | undefined
  /** The previous receiver of the message may have died. */
  readonly isRedelivered: boolean
  /** A row of the chunk may have ended a process. */
  readonly isIsolated: boolean
}

/** A chunk whose rows have results that are not written yet. */
export interface ScoredChunk {
  readonly run: ChunkRun
  readonly part: PlanPart
  readonly planned: PlannedChunk
  readonly results: ChunkOutput
  readonly leavePart: LeavePart
}

/** A chunk that another message goes on with. */
export interface LeftChunk {
  readonly message: ChunkMessage
  readonly delaySeconds: number
}

/** A chunk whose rows are being scored. */
export interface Scoring {
  /**
   * Undefined when there is nothing left to do, e.g. because the job has ended. A message may only be sent once the chunk that is a
   * window before has a result: nobody looks whether one without has a successor. Rejects with failures after which a retry may succeed.
   */
  readonly result: Promise<ScoredChunk | LeftChunk | undefined>
  /**
   * Gives the results up, which nobody needs. The scoring ends later.
   *
   * @throws failures after which a retry may succeed
   */
  abandon(): Promise<void>
}

export function startScoring(tools: ScoreTools, job: OpenJob, given: ChunkRun): Scoring {
  // Its own message comes, but others may come first, and each would cost a process.
  const isIsolated = given.isIsolated || tools.cache.isSuspect(job.spec, given.message.chunk)
  const run = { ...given, isIsolated }
  const abandoned = new AbortController()
  let giveUp = async () => {}
  const result = scorePlanned(tools, job, run, {
    signal: abandoned.signal,
    entered: (part, leavePart) => {
      giveUp = () => leaveWithoutResult(tools, job, { part, leavePart })
    },
  })
  result.catch(() => {}) // while the result before it is written, nobody waits for it
  const abandon = () => {
    abandoned.abort()
    return giveUp()
  }
  return { result, abandon }
}

interface ScoringLife {
  /** Aborted when nobody needs the results. */
  readonly signal: AbortSignal
  /** Called when others may rely on the chunk to list its part. */
  entered(part: PlanPart, leavePart: LeavePart): void
}

async function scorePlanned(
  tools: ScoreTools,
  job: OpenJob,
  run: ChunkRun,
  { signal, entered }: ScoringLife,
): Promise<ScoredChunk | LeftChunk | undefined> {
  const { message } = run
  const { chunk } = message
  const part = await findPart(tools, job.spec, chunk)
  const planned = part?.chunks.find(each => each.chunk === chunk)
  if (!part || !planned) return waitForPlan(tools, message)
  if (signal.aborted) return undefined
  const leavePart = tools.parts.enter(partKey(job.spec, part), chunk)
  entered(part, leavePart)
  let results: ChunkOutput | undefined
  try {
    results = await scoreOrFindResults(tools, job, { run, part, planned, signal })
    // A new message, because nothing has failed.
    const rest = { ...message, isRevival: run.isIsolated, isRetry: undefined, isContinued: true }
    return results ? { run, part, planned, results, leavePart } : { message: rest, delaySeconds: 0 }
  } catch (failure) {
    return signal.aborted ? undefined : await endOrRetry(tools, job, { message, failure })
  } finally {
    if (!results) await leaveWithoutResult(tools, job, { part, leavePart })
  }
}

interface ScoringTask extends Omit<ScoredChunk, 'results' | 'leavePart'> {
  readonly signal: AbortSignal
}

/** @returns undefined when the time was up */
async function scoreOrFindResults(
  tools: ScoreTools,
  { spec }: OpenJob,
  { run, part, planned, signal }: ScoringTask,
): Promise<ChunkOutput | undefined> {
  const { message, isIsolated, budgetMs } = run
  const ahead = await takeResult(tools, spec, planned)
  if (ahead && ahead !== 'time is up') return ahead
  const isContinued = message.isContinued === true || ahead === 'time is up'
  const task = { part, planned, isIsolated, isContinued, budgetMs, signal }
  return traceRows(tools, { chunk: message.chunk, span: run.span }, span => scoreRows(tools, spec, { ...task, span }))
}

/** @returns what follows. @throws failures after which a retry may succeed */
export async function commitScored(
  tools: ScoreTools,
  job: OpenJob,
  { run: { message, isRedelivered }, part, planned, results, leavePart }: ScoredChunk,
): Promise<FollowingSteps> {
  const { chunk } = message
  let isWritten = false
  try {
    const own = await writeResult(tools, job.spec, planned, results)
    isWritten = true
    const lists = leavePart(true)
    // The previous receiver may have died between its result and the next chunk.
    const goesOn = own !== undefined || (isRedelivered && !(await hasNextResult(tools, job.spec.folder, chunk)))
    return await afterResult(tools, job, { chunk, failed: results.failed, own, part, goesOn, lists })
  } catch (failure) {
    await endOrRetry(tools, job, { message, failure })
    return {}
  } finally {
    if (!isWritten) await leaveWithoutResult(tools, job, { part, leavePart })
  }
}

/** The process scores a chunk of the part no longer. Others of it may have relied on that chunk to list the part. */
async function leaveWithoutResult(
  tools: ScoreTools,
  job: OpenJob,
  { part, leavePart }: Pick<ScoredChunk, 'part' | 'leavePart'>,
): Promise<void> {
  if (!leavePart(false)) return
  const finish = await closePartAndJob(tools, job.spec, part)
  if (finish) await tools.queues.send(finish.queue, finish.message)
}

function partKey({ folder, createdAt }: JobSpec, { part }: PlanPart): string {
  return `${folder} ${createdAt} ${part}`
}

/** The first chunks are enqueued before the plan is complete. Either the plan will reach this one, or it does not exist. */
async function waitForPlan({ store }: JobTools, message: ChunkMessage): Promise<LeftChunk | undefined> {
  const { chunk } = message
  const plan = await listPlan(store, messageJobFolder(message))
  const planned = plan.reduce((sum, { chunkCount }) => sum + chunkCount, 0)
  if (plan.at(-1)?.isLast && chunk >= planned) return undefined
  return { message, delaySeconds: 1 + (chunk % 2) } // spread over two seconds
}

async function endOrRetry(
  tools: JobTools,
  job: OpenJob,
  { message, failure }: { readonly message: ChunkMessage; readonly failure: unknown },
): Promise<LeftChunk | undefined> {
  if (failure instanceof JobStopped) return undefined
  if (failure instanceof RowInProgress) {
    // A new message, because nothing has failed. Throwing would bring this one closer to the poison queue.
    const delaySeconds = Math.ceil(tools.limits.rowGraceMs / 2000)
    return { message: { ...message, isRevival: true }, delaySeconds }
  }
  const fatal = asJobFailure(failure, job.spec)
  if (!fatal) throw failure
  await failJob(tools, job, fatal)
  return undefined
}
