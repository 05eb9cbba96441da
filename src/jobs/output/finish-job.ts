import { asJobFailure } from '../failure.ts'
import { finalCountsBlob, type JobFolder } from '../layout.ts'
import { type JobStep, messageJobFolder } from '../message-queues.ts'
import { type OpenJob, openJob, storedState } from '../open-job.ts'
import { changeState, swapState } from '../records.ts'
import type { AllResults, KnownResult, ResultTotals } from '../results.ts'
import type { JobSpec } from '../spec.ts'
import { hasEnded } from '../state.ts'
import type { JobTools } from '../tools.ts'
import { isAboveThreshold, thresholdExceeded } from './after-result.ts'
import { commitOutput } from './commit-output.ts'
import { closeParts, listResults, totalsWhenAllDone } from './done-parts.ts'
import { afterEnd, endJob, failJob } from './end-job.ts'
import { rescoreMissing } from './missing-results.ts'
import { fullProgress } from './progress.ts'

/**
 * Ends a job: cancels it if that was requested, or commits its output once all results exist.
 *
 * @param step.found  what the step that it follows from has found
 * @throws failures after which a retry may succeed
 */
export async function finishJob(tools: JobTools, step: Omit<JobStep, 'queue'>): Promise<void> {
  const { message, found } = step
  const folder = messageJobFolder(message)
  const known = step.job?.etag !== undefined && step.job.state.status === 'Running' ? step.job : undefined
  const job = known ?? (await openJob(tools, folder))
  if (!job) return
  const { status } = job.state
  if (hasEnded(status)) return afterEnd(tools, job)
  if (status === 'CancelRequested') return endJob(tools, job, { from: ['CancelRequested'], to: 'Canceled' })
  // A process that opened a part again, because a result was missing, may have died before it closed it.
  const totals =
    found?.totals ?? (await totalsWhenAllDone(tools.store, folder)) ?? (await closeParts(tools.store, folder))
  if (!totals) return
  if (status === 'Running' && isAboveThreshold(job.spec, totals.failed)) {
    return failJob(tools, job, thresholdExceeded(job.spec, totals.failed))
  }
  const all = { totals, results: found?.results ?? (await listAll(tools, folder)) }
  if (status === 'Running' && (await isMissing(tools, job, all))) return
  // From here on it can no longer be cancelled.
  const change = { from: ['Running'], to: 'Finalizing' } as const
  const stored = storedState(job)
  const swapped = stored && (await swapState(tools.store, folder, change, stored))
  if (known && !swapped) return finishJob(tools, { message, ...(found && { found }) }) // it has changed since
  const state = swapped?.value ?? (await changeState(tools.store, folder, change))
  const isFirst = swapped !== undefined
  if (state?.status === 'Finalizing')
    await finalize(tools, { spec: job.spec, state, ...(swapped && { etag: swapped.etag }) }, { ...all, isFirst })
  // Otherwise it was cancelled or ended just now, which has sent a message of its own.
}

async function listAll({ store }: JobTools, folder: JobFolder): Promise<KnownResult[]> {
  const results: KnownResult[] = []
  for await (const result of listResults(store, folder)) results.push(result)
  return results
}

interface Finalizing extends Required<AllResults> {
  /** No other process has begun to finalize the job before. */
  readonly isFirst: boolean
}

/** Whether results were removed, and their chunks are scored again, or the job has failed for it. */
async function isMissing(tools: JobTools, job: OpenJob, all: Required<AllResults>): Promise<boolean> {
  try {
    return await rescoreMissing(tools, job.spec, all)
  } catch (failure) {
    const fatal = asJobFailure(failure, job.spec)
    if (!fatal) throw failure
    await failJob(tools, job, fatal)
    return true
  }
}

// Two processes may finalize at a time. If a foreign output exists for one of them and is gone for the other, the job may be
// Failed beside a complete output. The storage cannot compare two blobs at once, and to remove an output that may be foreign
// by now would be worse.
async function finalize(tools: JobTools, job: OpenJob, all: Finalizing): Promise<void> {
  const { store } = tools
  const { spec } = job
  try {
    // The final counts are written after the output, so its owner may remove the output as soon as it exists.
    const isDone = !all.isFirst && (await store.head(finalCountsBlob(spec.folder))) !== undefined
    const isCommitted = isDone || (await commitOutput(tools, spec, all))
    if (!isCommitted) return
  } catch (failure) {
    const fatal = asJobFailure(failure, spec)
    if (!fatal) throw failure
    return failJob(tools, { ...job, from: ['Finalizing'] }, fatal)
  }
  await store.create(finalCountsBlob(spec.folder), JSON.stringify(finalCounts(spec, all.totals)))
  await endJob(tools, job, { from: ['Finalizing'], to: 'Completed', progress: fullProgress(spec, all.totals) })
}

function finalCounts({ jobId, fingerprint, output }: JobSpec, { chunks, rows, failed, bytes }: ResultTotals) {
  return { jobId, fingerprint, output, chunks, rows, succeeded: rows - failed, failed, bytes }
}
