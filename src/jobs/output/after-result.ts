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

interface CommittedResult {
  readonly chunk: number
  readonly failed: number
  /** The part of the plan that holds the chunk. */
  readonly part: PlanPart
  readonly nextChunk: NextChunk
}

/** Whether to enqueue the next chunk of the window; `unlessDone`: only if it has no result. */
export type NextChunk = 'always' | 'unlessDone' | 'never'

/** Does what follows from a committed result. It may be repeated, and so completes what a dead process left undone. */
export async function afterResult(
  tools: JobTools,
  job: OpenJob,
  { chunk, failed, part, nextChunk }: CommittedResult,
): Promise<void> {
  const { queues, limits } = tools
  const { folder } = job.spec
  if (failed > 0 && (await failAboveThreshold(tools, job))) return
  const next = chunk + limits.window
  const mayEnqueue = nextChunk !== 'never' && isPlannable(next, part)
  if (mayEnqueue && (nextChunk === 'always' || !(await headResult(tools, folder, next)))) {
    await queues.send('chunk', { ...jobMessage(folder), chunk: next })
    // The process that commits or finds the next result lists the part after this one, and so sees it.
    if (partNumber(next, limits) === part.part) return
  }
  await closePartAndJob(tools, job.spec, part)
}

/** Commits first and lists then, so that the process that commits the last result sees that it is the last. */
async function closePartAndJob(
  { store, queues }: JobTools,
  { folder }: JobSpec,
  { part, chunks }: PlanPart,
): Promise<void> {
  if (!(await closePart(store, folder, { part, chunkCount: chunks.length }))) return
  if (await totalsWhenAllDone(store, folder)) await queues.send('finish', jobMessage(folder))
}

/** A chunk may lie in a part that is not planned yet. Its receiver finds out. */
function isPlannable(chunk: number, { isLast, next }: PlanPart): boolean {
  return !isLast || chunk < next.chunk
}

/** Chunks in progress may still add failed rows beyond the threshold. @returns whether the job was failed */
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
