import type { Span } from '../../telemetry/tracing.ts'
import type { BlobHead } from '../blob-store.ts'
import { donePartBlob } from '../layout.ts'
import { type JobStep, jobMessage, messageJobFolder } from '../message-queues.ts'
import { isActive, type OpenJob, openTogether } from '../open-job.ts'
import { afterResult, laterChunk } from '../output/after-result.ts'
import { headResult } from '../output/chunk-result.ts'
import { findPart, type PlanPart } from '../plan-parts.ts'
import type { JobSpec } from '../spec.ts'
import {
  type ChunkMessage,
  type ChunkRun,
  commitScored,
  type LeftChunk,
  type ScoredChunk,
  type Scoring,
  startScoring,
} from './chunk-run.ts'
import type { ScoreTools } from './score-rows.ts'

export interface ChunkDelivery {
  readonly message: ChunkMessage
  /** As it was when this process decided on the step; absent: it is read. */
  readonly job?: OpenJob | undefined
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
  const job = delivery.job ?? (await openTogether(tools, folder))
  if (!job) return []
  const isRedelivered = delivery.deliveryCount > 1 || message.isRetry === true
  // The previous receiver of the message may have died in the steps that followed.
  if (!isActive(job.state)) return isRedelivered ? [{ queue: 'finish', message: jobMessage(folder) }] : []
  // What this process begins right after it has planned it has no result yet.
  const isNew = tools.cache.takeOwn(job.spec, message.chunk) && !isRedelivered
  const result = isNew ? undefined : await headResult(tools, folder, message.chunk)
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

/** As the first time that a message is delivered. */
const fresh = { isRedelivered: false, isIsolated: false }

/** @throws failures after which a retry may succeed; the redelivered message then gives the chunk that failed one of its own */
async function walk(tools: ScoreTools, job: OpenJob, { first, turnEndsAt }: Walk): Promise<readonly JobStep[]> {
  const { queues, clock } = tools
  // The previous receiver of the message may have died of the chunk that it scored ahead, which so gets a message of its own.
  const isRevival = first.isRedelivered || undefined
  const isTurnOver = () => isRevival || clock.monotonicMs() >= turnEndsAt
  const run = (chunk: number): ChunkRun => ({ ...first, ...fresh, message: { ...jobMessage(job.spec.folder), chunk } })
  const steps: JobStep[] = []
  for (let scoring: Scoring | undefined = startScoring(tools, job, first); scoring; ) {
    const scored: ScoredChunk | LeftChunk | undefined = await scoring.result
    if (scored && 'message' in scored) await queues.send('chunk', scored.message, scored.delaySeconds)
    if (!scored || 'message' in scored) break
    const isLast: boolean = isTurnOver() || (await isFarAhead(tools, job.spec, scored.part))
    const later: number | undefined = isLast ? undefined : laterChunk(scored.planned.chunk, scored.part, tools.limits)
    const ahead: Scoring | undefined = later === undefined ? undefined : startScoring(tools, job, run(later))
    const after = await commitScored(tools, job, scored).catch(async failure => {
      await ahead?.abandon()
      throw failure
    })
    if (after.finish) steps.push(after.finish)
    scoring = undefined
    if (after.chunk === undefined) await ahead?.abandon()
    else if (ahead) scoring = ahead
    else if (!isLast && !isTurnOver()) scoring = startScoring(tools, job, run(after.chunk))
    else await queues.send('chunk', { ...run(after.chunk).message, isRevival })
  }
  return steps
}

/** Parts that a message may go ahead of one that is open. */
const maxPartsAhead = 4

/**
 * Whether other positions of the window are so far behind that their messages come first. Otherwise results would be strewn over all
 * parts, which each look at the status lists, and a few positions would be left at the end of a job.
 */
async function isFarAhead(
  { store, cache }: Pick<ScoreTools, 'store' | 'cache'>,
  spec: JobSpec,
  { part }: PlanPart,
): Promise<boolean> {
  const behind = part - maxPartsAhead
  if (behind < 0) return false
  const seen = cache.seen(spec, behind)
  // It only chooses the order: what has been scored must not be lost.
  if (!seen.isClosed) seen.isClosed = await store.head(donePartBlob(spec.folder, behind)).then(Boolean, () => true)
  return !seen.isClosed
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
    if (clock.monotonicMs() >= deadline) {
      // Its message goes on here, also where the chunk has a result.
      await queues.send('chunk', { ...jobMessage(folder), chunk, isRevival: true, isRetry: true })
      return steps
    }
  }
  await queues.send('chunk', { ...jobMessage(folder), chunk, isRevival: true })
  return steps
}
