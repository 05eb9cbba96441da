import { JobFailure } from '../failure.ts'
import { type JobLimits, partNumber } from '../limits.ts'
import type { JobStep } from '../message-queues.ts'
import type { OpenJob } from '../open-job.ts'
import type { PlanPart } from '../plan-parts.ts'
import type { KnownResult } from '../results.ts'
import type { JobSpec } from '../spec.ts'
import type { JobTools } from '../tools.ts'
import { closePartAndJob } from './close-part.ts'
import { failJob } from './end-job.ts'
import { readProgress } from './progress.ts'

interface CommittedResult {
  readonly chunk: number
  readonly failed: number
  /** Absent: this process has not written it just now. */
  readonly own?: KnownResult | undefined
  /** The part of the plan that holds the chunk. */
  readonly part: PlanPart
  /** Whether this process goes on with the next chunk of the window. */
  readonly goesOn: boolean
  /** Whether this process has to list the part, once it is the last one of the window in it; absent: yes. */
  readonly lists?: boolean
}

/** What follows from a result. */
export interface FollowingSteps {
  /** Number of the next chunk at this position of the window. */
  readonly chunk?: number
  /** Set when this was the last result of the job. */
  readonly finish?: JobStep
}

/** Does what follows from a committed result. It may be repeated, and so completes what a dead process left undone. */
export async function afterResult(
  tools: JobTools,
  job: OpenJob,
  { chunk, failed, own, part, goesOn, lists = true }: CommittedResult,
): Promise<FollowingSteps> {
  const { limits, cache } = tools
  const seen = cache.seen(job.spec, part.part)
  seen.results.add(chunk)
  if (own) seen.own.set(chunk, own)
  if (failed > 0 && (await failAboveThreshold(tools, job, failed))) return {}
  const next = goesOn ? laterChunk(chunk, part, limits) : undefined
  // The process that commits or finds the next result lists the part after this one, and so sees it.
  if (next !== undefined && partNumber(next, limits) === part.part) return { chunk: next }
  const finish = lists ? await closePartAndJob(tools, job.spec, part) : undefined
  return { ...(next !== undefined && { chunk: next }), ...(finish && { finish: { ...finish, job } }) }
}

/**
 * The chunk that is a window later. It may lie in a part that is not planned yet; the process that scores it finds out.
 *
 * @returns undefined when the plan has no such chunk
 */
export function laterChunk(chunk: number, { isLast, next }: PlanPart, { window }: JobLimits): number | undefined {
  const later = chunk + window
  return !isLast || later < next.chunk ? later : undefined
}

/**
 * Chunks in progress may still add failed rows beyond the threshold. A look at all results costs several listings, so it is for when the
 * rows that this process knows of are too many, and now and then for those of others. The end of the job looks in any case.
 *
 * @param added  failed rows of the result that was committed
 * @returns whether the job was failed
 */
async function failAboveThreshold(tools: JobTools, job: OpenJob, added: number): Promise<boolean> {
  if (job.spec.errorThreshold < 0) return false
  const { store, cache, clock, limits } = tools
  const known = cache.failures(job.spec)
  const now = clock.monotonicMs()
  known.added += added
  if (!isAboveThreshold(job.spec, known.seen + known.added) && now - known.lookedAt < limits.pollMs) return false
  Object.assign(known, { added: 0, lookedAt: now })
  const { failed } = await readProgress(store, job.spec, job.state)
  known.seen = failed
  if (!isAboveThreshold(job.spec, failed)) return false
  await failJob(tools, job, thresholdExceeded(job.spec, failed))
  return true
}

export function isAboveThreshold({ errorThreshold }: JobSpec, failed: number): boolean {
  return errorThreshold >= 0 && failed > errorThreshold
}

export function thresholdExceeded({ errorThreshold }: JobSpec, failed: number): JobFailure {
  return new JobFailure(
    'ERROR_THRESHOLD_EXCEEDED',
    `${failed} ${failed === 1 ? 'row has' : 'rows have'} failed; errorThreshold is ${errorThreshold}`,
  )
}
