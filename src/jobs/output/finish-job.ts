import { asJobFailure } from '../failure.ts'
import { finalCountsBlob } from '../layout.ts'
import { type JobMessage, messageJobFolder } from '../message-queues.ts'
import { type OpenJob, openJob } from '../open-job.ts'
import { changeState } from '../records.ts'
import type { JobSpec } from '../spec.ts'
import { hasEnded } from '../state.ts'
import type { JobTools } from '../tools.ts'
import { isAboveThreshold, thresholdExceeded } from './after-result.ts'
import { commitOutput } from './commit-output.ts'
import { type ResultTotals, totalsWhenAllDone } from './done-parts.ts'
import { cleanUp, endJob, failJob } from './end-job.ts'

/**
 * Ends a job: cancels it where that was asked for, commits its output once all results are there.
 *
 * @throws what a retry may heal
 */
export async function finishJob(tools: JobTools, message: JobMessage): Promise<void> {
  const folder = messageJobFolder(message)
  const job = await openJob(tools, folder)
  if (!job) return
  const { status } = job.state
  if (hasEnded(status)) return cleanUp(tools, job.spec)
  if (status === 'CancelRequested') return endJob(tools, job, ['CancelRequested'], 'Canceled')
  const sums = await totalsWhenAllDone(tools.store, folder)
  if (!sums) return
  if (status === 'Running' && isAboveThreshold(job.spec, sums.failed)) {
    return failJob(tools, job, thresholdExceeded(job.spec, sums.failed))
  }
  // From here on it can no longer be cancelled: of the two who change the state, one was first.
  const state = await changeState(tools.store, folder, ['Running'], 'Finalizing')
  if (state?.status === 'Finalizing') await finalize(tools, { spec: job.spec, state }, sums)
  // Cancelled, or ended, at this very moment: whoever did that sends a message of its own.
}

// Two may finish at the same time. Where somebody else's output is there for one and gone for the other, the job may say
// that it failed beside an output that is complete: nothing compares two blobs at once, and removing what may be somebody
// else's by now would be worse.
async function finalize(tools: JobTools, job: OpenJob, sums: ResultTotals): Promise<void> {
  const { store } = tools
  const { spec } = job
  try {
    // Written after the output. So its owner may take the output away as soon as it is there.
    const isCommitted = (await store.head(finalCountsBlob(spec.folder))) || (await commitOutput(tools, spec, sums))
    if (!isCommitted) return
  } catch (failure) {
    const fatal = asJobFailure(failure, spec)
    if (!fatal) throw failure
    return failJob(tools, job, fatal, ['Finalizing'])
  }
  await store.create(finalCountsBlob(spec.folder), JSON.stringify(finalCounts(spec, sums)))
  await endJob(tools, job, ['Finalizing'], 'Completed')
}

function finalCounts({ jobId, fingerprint, output }: JobSpec, { chunks, rows, failed, bytes }: ResultTotals) {
  return { jobId, fingerprint, output, chunks, rows, succeeded: rows - failed, failed, bytes }
}
