import { JobFailure } from '../failure.ts'
import { partNumber } from '../limits.ts'
import { jobMessage } from '../message-queues.ts'
import type { OpenJob } from '../open-job.ts'
import type { PlanPart } from '../plan-parts.ts'
import type { JobSpec } from '../spec.ts'
import type { JobTools } from '../tools.ts'
import { headResult } from './chunk-result.ts'
import { closePart, totalsWhenAllDone } from './done-parts.ts'
import { failJob } from './end-job.ts'
import { readProgress } from './progress.ts'

export interface CommittedResult {
  readonly chunk: number
  readonly failed: number
  /** Of the plan, that has the chunk. */
  readonly part: PlanPart
}

/**
 * What follows from a result that is committed. Safe to be done again: where somebody died half-way, somebody goes on.
 *
 * @param handsOn  whether to send the message for the next chunk of the slot; `unlessDone`: unless that has a result
 */
export async function afterResult(
  tools: JobTools,
  job: OpenJob,
  { chunk, failed, part }: CommittedResult,
  handsOn: 'always' | 'unlessDone' | 'never',
): Promise<void> {
  const { queues, limits } = tools
  const { folder } = job.spec
  if (failed > 0 && (await failAboveThreshold(tools, job))) return
  const next = chunk + limits.window
  const isNext = handsOn !== 'never' && isPlannable(next, part)
  if (isNext && (handsOn === 'always' || !(await headResult(tools, folder, next)))) {
    await queues.send('chunk', { ...jobMessage(folder), chunk: next })
    // Whoever commits that one, or finds it committed, lists after this one was.
    if (partNumber(next, limits) === part.part) return
  }
  await closePartOf(tools, job.spec, part.part, part.chunks.length)
}

/** Commit, then list: whoever commits the last result of a part, and the last part, sees that it is the last. */
async function closePartOf(
  { store, queues }: JobTools,
  { folder }: JobSpec,
  part: number,
  chunkCount: number,
): Promise<void> {
  if (!(await closePart(store, folder, part, chunkCount))) return
  if (await totalsWhenAllDone(store, folder)) await queues.send('finish', jobMessage(folder))
}

/** Some chunk may be in a part that is not planned yet; whoever gets its message finds out. */
function isPlannable(chunk: number, { isLast, next }: PlanPart): boolean {
  return !isLast || chunk < next.chunk
}

/** More rows may have failed by then than had to: at most those of the chunks that are under way. @returns whether it did */
async function failAboveThreshold(tools: JobTools, job: OpenJob): Promise<boolean> {
  if (job.spec.errorThreshold < 0) return false
  const { failed } = await readProgress(tools.store, job.spec, job.state)
  if (!isAboveThreshold(job.spec, failed)) return false
  await failJob(tools, job, thresholdExceeded(job.spec, failed))
  return true
}

export function isAboveThreshold({ errorThreshold }: JobSpec, failed: number): boolean {
  return errorThreshold >= 0 && failed > errorThreshold
}

export function thresholdExceeded({ errorThreshold }: JobSpec, failed: number): JobFailure {
  return new JobFailure('ERROR_THRESHOLD_EXCEEDED', `${failed} rows have failed; errorThreshold is ${errorThreshold}`)
}
