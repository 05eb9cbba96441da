import { asJobFailure, JobFailure, JobStopped } from '../failure.ts'
import { partNumber } from '../limits.ts'
import { type JobMessage, messageJobFolder } from '../message-queues.ts'
import { isActive, type OpenJob, openJob, whileActive } from '../open-job.ts'
import { afterResult } from '../output/after-result.ts'
import { headResult, writeResult } from '../output/chunk-result.ts'
import { failJob } from '../output/end-job.ts'
import { listPlan, type PlanPart, readPart } from '../plan-parts.ts'
import type { PlannedChunk } from '../planned-chunk.ts'
import type { Row, RowResult } from '../row-scorer.ts'
import type { JobSpec } from '../spec.ts'
import type { JobTools } from '../tools.ts'
import { AttemptLog } from './attempt-log.ts'
import { readChunkRows } from './chunk-rows.ts'
import { RowInProgress, scoreInIsolation, scorePendingRows } from './isolation.ts'
import type { ScoringLock } from './scoring-lock.ts'

export interface ScoreTools extends JobTools {
  /** Who may score at the same time; one for the process. */
  readonly lock: ScoringLock
}

export type ChunkMessage = JobMessage & { readonly chunk: number }

/**
 * Scores the chunk of a message, commits its result and hands on.
 *
 * @param attempt  how often the message has been received, from 1
 * @throws what a retry may heal
 */
export async function scoreChunk(tools: ScoreTools, message: ChunkMessage, attempt: number): Promise<void> {
  const { store, limits, known } = tools
  const { chunk } = message
  const folder = messageJobFolder(message)
  const job = await openJob(tools, folder)
  if (!job || !isActive(job.state)) return
  const result = await headResult(tools, folder, chunk)
  // A duplicate; but who received it before may have died between the result and what follows from it.
  if (result && attempt === 1) return
  const at = partNumber(chunk, limits)
  const part = await known.part(job.spec, at, () => readPart(store, folder, at))
  const planned = part?.chunks.find(each => each.chunk === chunk)
  if (!part || !planned) return waitForPlan(tools, message)
  if (result) return afterResult(tools, job, { chunk, failed: Number(result.metadata.failed), part }, 'unlessDone')
  try {
    const isIsolated = attempt > 1 || message.isRevival === true
    const results = await scoreRows(tools, job.spec, part, planned, { isIsolated, isContinued: message.isContinued })
    // A message of its own, because nothing has failed. The process may have died before, and may do so again.
    if (!results) return await tools.queues.send('chunk', { ...message, isRevival: isIsolated, isContinued: true })
    const isOurs = await writeResult(tools, job.spec, planned, results)
    const failed = results.filter(each => 'code' in each).length
    // Of two who did the same, one hands on.
    const handsOn = isOurs ? 'always' : attempt > 1 ? 'unlessDone' : 'never'
    await afterResult(tools, job, { chunk, failed, part }, handsOn)
  } catch (failure) {
    await endOrRetry(tools, job, message, failure)
  }
}

/** @returns undefined: it takes longer than one run may; what is scored is kept for the next one */
async function scoreRows(
  tools: ScoreTools,
  spec: JobSpec,
  part: PlanPart,
  planned: PlannedChunk,
  { isIsolated, isContinued }: { readonly isIsolated: boolean; readonly isContinued: boolean | undefined },
): Promise<RowResult[] | undefined> {
  const { scorer, lock, store, clock, limits } = tools
  const { folder, service, maxRetries } = spec
  // Waiting for others, and for a service that loads, is time as well, after which the host ends the process.
  const deadline = clock.monotonicMs() + limits.chunkBudgetMs
  const isTimeUp = () => clock.monotonicMs() >= deadline
  const work = async (signal: AbortSignal) => {
    if ((await scorer.modelDigest(service)) !== spec.modelDigest) throw modelChanged(spec)
    const rows = await readChunkRows(tools, spec, part, planned, signal)
    const trail = new AttemptLog(store, folder, part.part, planned.chunk)
    if (isIsolated || isContinued) await trail.read()
    const all = { from: 0, to: rows.length }
    const score = (some: readonly number[]) =>
      scorer.score(
        service,
        some.map(row => rows[row] as Row),
        maxRetries,
        signal,
        isTimeUp,
      )
    const isScored = isIsolated
      ? await scoreInIsolation(tools, trail, all, score, isTimeUp)
      : await scorePendingRows(trail, all, score)
    if (isScored) return trail.resultsOf(all)
    if (!isIsolated) await trail.storeResults(all)
    return undefined
  }
  // Reading is work that a process may die of, too.
  const run = () => whileActive(tools, folder, work)
  return isIsolated ? lock.alone(run) : lock.shared(run)
}

/** A window begins before the plan is complete: either the plan comes this far, or there is no such chunk. */
async function waitForPlan({ store, queues }: JobTools, message: ChunkMessage): Promise<void> {
  const { chunk } = message
  const folder = messageJobFolder(message)
  const plan = await listPlan(store, folder)
  const planned = plan.reduce((sum, { chunkCount }) => sum + chunkCount, 0)
  if (plan.at(-1)?.isLast && chunk >= planned) return
  // Not all at the same moment.
  await queues.send('chunk', message, 1 + (chunk % 2))
}

async function endOrRetry(tools: JobTools, job: OpenJob, message: ChunkMessage, failure: unknown): Promise<void> {
  if (failure instanceof JobStopped) return
  if (failure instanceof RowInProgress) {
    // A new message, because nothing has failed: this one would come nearer to the poison queue.
    const delaySeconds = Math.ceil(tools.limits.rowGraceMs / 2000)
    return tools.queues.send('chunk', { ...message, isRevival: true }, delaySeconds)
  }
  const fatal = asJobFailure(failure, job.spec)
  if (!fatal) throw failure
  await failJob(tools, job, fatal)
}

function modelChanged({ service }: JobSpec): JobFailure {
  return new JobFailure(
    'MODEL_CHANGED',
    `the service "${service}" has another model, script or definition now than when the job was submitted`,
  )
}
