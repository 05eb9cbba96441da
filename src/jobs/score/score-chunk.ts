import { asJobFailure, JobStopped, modelChanged } from '../failure.ts'
import { partNumber } from '../limits.ts'
import { type JobMessage, messageJobFolder } from '../message-queues.ts'
import { isActive, type OpenJob, openJob, whileActive } from '../open-job.ts'
import { afterResult, type NextChunk } from '../output/after-result.ts'
import { headResult, writeResult } from '../output/chunk-result.ts'
import { failJob } from '../output/end-job.ts'
import { listPlan, readPart } from '../plan-parts.ts'
import type { Row, RowResult } from '../row-scorer.ts'
import type { JobSpec } from '../spec.ts'
import type { JobTools } from '../tools.ts'
import { AttemptLog } from './attempt-log.ts'
import { type ChunkSource, readChunkRows } from './chunk-rows.ts'
import { RowInProgress, scoreInIsolation, scorePendingRows } from './isolation.ts'
import type { ScoringLock } from './scoring-lock.ts'

export interface ScoreTools extends JobTools {
  /** One for the process. */
  readonly lock: ScoringLock
}

export type ChunkMessage = JobMessage & { readonly chunk: number }

/**
 * Scores the chunk of a message, commits its result, and enqueues the next chunk.
 *
 * @param deliveryCount  how often the message has been received, from 1
 * @throws failures after which a retry may succeed
 */
export async function scoreChunk(tools: ScoreTools, message: ChunkMessage, deliveryCount: number): Promise<void> {
  const { store, limits, cache } = tools
  const { chunk } = message
  const folder = messageJobFolder(message)
  const job = await openJob(tools, folder)
  if (!job || !isActive(job.state)) return
  const result = await headResult(tools, folder, chunk)
  // A duplicate. After a redelivery, the previous receiver may have died between the result and what follows from it.
  if (result && deliveryCount === 1) return
  const number = partNumber(chunk, limits)
  const part = await cache.part(job.spec, number, () => readPart(store, folder, number))
  const planned = part?.chunks.find(each => each.chunk === chunk)
  if (!part || !planned) return waitForPlan(tools, message)
  if (result) {
    const failed = Number(result.metadata.failed)
    return afterResult(tools, job, { chunk, failed, part, nextChunk: 'unlessDone' })
  }
  try {
    const isIsolated = deliveryCount > 1 || message.isRevival === true
    const isContinued = message.isContinued === true
    const results = await scoreRows(tools, job.spec, { part, planned, isIsolated, isContinued })
    // A new message, because nothing has failed.
    if (!results) return await tools.queues.send('chunk', { ...message, isRevival: isIsolated, isContinued: true })
    const isFirstWriter = await writeResult(tools, job.spec, { ...planned, results })
    const failed = results.filter(each => 'code' in each).length
    await afterResult(tools, job, { chunk, failed, part, nextChunk: chooseNext(isFirstWriter, deliveryCount) })
  } catch (failure) {
    await endOrRetry(tools, job, { message, failure })
  }
}

/** Decides whether this process enqueues the next chunk. The one that commits the result does, a duplicate does not. */
function chooseNext(isFirstWriter: boolean, deliveryCount: number): NextChunk {
  if (isFirstWriter) return 'always'
  // The previous receiver may have died between its commit and the next message.
  return deliveryCount > 1 ? 'unlessDone' : 'never'
}

interface ChunkTask extends Omit<ChunkSource, 'signal'> {
  /** A row of the chunk may have ended a process. */
  readonly isIsolated: boolean
  /** Some rows have results from an earlier run. */
  readonly isContinued: boolean
}

/** @returns undefined when the time was up; the results so far are stored for the next run */
async function scoreRows(tools: ScoreTools, spec: JobSpec, task: ChunkTask): Promise<RowResult[] | undefined> {
  const { part, planned, isIsolated, isContinued } = task
  const { scorer, lock, store, clock, limits } = tools
  const { folder, service, maxRetries, modelDigest } = spec
  // Waiting for the lock, and for a service that loads, counts: the host ends a function that takes too long.
  const deadline = clock.monotonicMs() + limits.chunkBudgetMs
  const isTimeUp = () => clock.monotonicMs() >= deadline
  const work = async (signal: AbortSignal) => {
    if ((await scorer.modelDigest(service)) !== modelDigest) throw modelChanged(service)
    const rows = await readChunkRows(tools, spec, { part, planned, signal })
    const attempts = new AttemptLog(store, { folder, part: part.part, chunk: planned.chunk })
    if (isIsolated || isContinued) await attempts.read()
    const range = { from: 0, to: rows.length }
    const score = (indexes: readonly number[]) =>
      scorer.score(
        service,
        indexes.map(index => rows[index] as Row),
        { maxRetries, modelDigest, signal, isTimeUp },
      )
    const isScored = isIsolated
      ? await scoreInIsolation(tools, { attempts, range, score, isTimeUp })
      : await scorePendingRows(attempts, range, score)
    if (isScored) return attempts.results(range)
    if (!isIsolated) await attempts.storeResults(range)
    return undefined
  }
  // Reading is inside the lock, because the input may end the process too.
  const run = () => whileActive(tools, folder, work)
  return isIsolated ? lock.exclusive(run) : lock.shared(run)
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
