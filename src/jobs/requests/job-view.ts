import type { BlobStore } from '../blob-store.ts'
import { resultsPrefix } from '../layout.ts'
import { readProgress } from '../output/progress.ts'
import { readState } from '../records.ts'
import type { JobProgress, JobState, JobStatus } from '../state.ts'
import { isRefused, type RefusedJob, type StoredJob } from '../stored-job.ts'

/** A job as its owner sees it. */
export interface JobView {
  readonly jobId: string
  /** Absent when the job came by a message that names no existing service. */
  readonly service?: string
  readonly status: JobStatus
  readonly progress: JobProgress
  readonly createdAt: string
  readonly startedAt?: string
  readonly endedAt?: string
  /** Absent when the submission was invalid, and when there is only a summary. */
  readonly output?: {
    /** `<container>/<path>`; exists once the status is Completed. */
    readonly blob: string
    readonly format: string
    /** Name prefix of the results of a failed or cancelled job: one blob for each scored chunk, sorted by rows. */
    readonly partial?: string
  }
  readonly error?: { readonly code: string; readonly message: string }
}

export async function readJobView(store: BlobStore, job: StoredJob): Promise<JobView> {
  if (isRefused(job)) return refusedView(job)
  const state: JobState = (await readState(store, job.folder)) ?? { status: 'NotStarted', createdAt: job.createdAt }
  const { status, createdAt, startedAt, endedAt, error } = state
  const { action, overwrite: _, isPerFile: __, ...output } = job.output
  const partial = `jobs/${resultsPrefix(job.folder)}`
  const isPartial = status === 'Failed' || status === 'Canceled'
  return {
    jobId: job.jobId,
    service: job.service,
    status,
    progress: status === 'NotStarted' ? nothing : await readProgress(store, job, state),
    createdAt,
    ...(startedAt === undefined ? {} : { startedAt }),
    ...(endedAt === undefined ? {} : { endedAt }),
    ...(action === 'summary_only' ? {} : { output: { ...output, ...(isPartial ? { partial } : {}) } }),
    ...(error === undefined ? {} : { error }),
  }
}

const nothing: JobProgress = { rows: 0, succeeded: 0, failed: 0, chunks: 0, chunksDone: 0, percent: 0 }

function refusedView({ jobId, service, createdAt, refused }: RefusedJob): JobView {
  const named = service === undefined ? {} : { service }
  return { jobId, ...named, status: 'Failed', progress: nothing, createdAt, endedAt: createdAt, error: refused }
}
