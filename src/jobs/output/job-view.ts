import type { BlobStore } from '../blob-store.ts'
import { type LastError, readLastError } from '../last-error.ts'
import { resultsPrefix } from '../layout.ts'
import { firstState, readState } from '../records.ts'
import type { JobSpec } from '../spec.ts'
import { hasEnded, type JobProgress, type JobState, type JobStatus } from '../state.ts'
import { type DeletedJob, isRefused, type RefusedJob, type StoredJob } from '../stored-job.ts'
import { type EventDelivery, readDelivery } from './event-delivery.ts'
import { readProgress } from './progress.ts'

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
  /** When a completed job ended. */
  readonly completedAt?: string
  /** On average since it started. */
  readonly rowsPerSecond?: number
  /** At this rate, until all rows are scored; absent when it has ended, or nothing is known yet. */
  readonly remainingSeconds?: number
  /** Why a step had to be tried again last; absent when it has ended. */
  readonly lastError?: LastError
  /** Whether the event of its end was sent; absent when none is asked for, or the job has not ended. */
  readonly event?: EventDelivery
  /** Absent when the submission was invalid. */
  readonly output?: Omit<JobSpec['output'], 'action' | 'overwrite' | 'isPerFile'> & {
    /** Name prefix of the results of a failed or cancelled job: one blob for each scored chunk, sorted by rows. */
    readonly partial?: string
  }
  readonly error?: { readonly code: string; readonly message: string }
  /** The job is gone, and its blobs are being removed. */
  readonly isDeleted?: true
}

export async function readJobView(store: BlobStore, job: StoredJob): Promise<JobView> {
  const readEvent = async () => job.onCompleted && (await readDelivery(store, job.folder))
  if (isRefused(job)) {
    const event = await readEvent()
    return { ...refusedView(job), ...(event && { event }) }
  }
  const state: JobState = (await readState(store, job.folder)) ?? { status: 'NotStarted', createdAt: job.createdAt }
  const { status } = state
  if (hasEnded(status) && state.progress) {
    const event = await readEvent()
    return { ...endedView(job, state), ...(event && { event }) }
  }
  const progress = status === 'NotStarted' ? nothing : await readProgress(store, job, state)
  const lastError = hasEnded(status) ? undefined : await readLastError(store, job.folder)
  return { ...describeJob(job, state, progress, await store.now()), ...(lastError && { lastError }) }
}

/** A job on which no step has worked. */
export function newJobView(job: JobSpec): JobView {
  return describeJob(job, firstState(job), nothing, Date.parse(job.createdAt))
}

/** A job whose state says how it ended. */
export function endedView(job: JobSpec, state: JobState): JobView {
  return describeJob(job, state, state.progress ?? nothing, Date.parse(state.endedAt ?? state.createdAt))
}

/** @param until  its end or the time now, in milliseconds since 1970 */
function describeJob(job: JobSpec, state: JobState, progress: JobProgress, until: number): JobView {
  const { status, createdAt, error } = state
  const startedAt = notBefore(createdAt, state.startedAt)
  const endedAt = notBefore(startedAt ?? createdAt, state.endedAt)
  const { action, overwrite: _, isPerFile: __, ...output } = job.output
  const partial = `jobs/${resultsPrefix(job.folder)}`
  const isPartial = status === 'Failed' || status === 'Canceled'
  return {
    jobId: job.jobId,
    service: job.service,
    status,
    progress,
    createdAt,
    ...(startedAt === undefined ? {} : { startedAt, ...describeRate(state, progress, until - Date.parse(startedAt)) }),
    ...(endedAt === undefined ? {} : { endedAt }),
    ...(endedAt !== undefined && status === 'Completed' && { completedAt: endedAt }),
    ...(action === 'summary_only' ? {} : { output: { ...output, ...(isPartial ? { partial } : {}) } }),
    ...(error === undefined ? {} : { error }),
  }
}

/** Each thread of each host knows the clock of the storage to the second only, so that a later time may seem to be earlier. */
function notBefore(earliest: string, time: string | undefined): string | undefined {
  return time !== undefined && time < earliest ? earliest : time
}

function describeRate({ status }: JobState, { succeeded, failed, percent }: JobProgress, elapsedMs: number) {
  const rows = succeeded + failed
  if (rows === 0) return {}
  const seconds = Math.max(1, elapsedMs) / 1000
  const remainingSeconds = Math.ceil((seconds * (100 - percent)) / percent)
  return {
    rowsPerSecond: Number((rows / seconds).toPrecision(3)),
    ...(status === 'Running' && percent > 0 && { remainingSeconds }),
  }
}

const nothing: JobProgress = { rows: 0, succeeded: 0, failed: 0, chunks: 0, chunksDone: 0, percent: 0 }

export function refusedView({ jobId, service, createdAt, refused }: RefusedJob): JobView {
  const named = service === undefined ? {} : { service }
  return { jobId, ...named, status: 'Failed', progress: nothing, createdAt, endedAt: createdAt, error: refused }
}

/** A job that is gone. @param state  its last one */
export function deletedView(
  { jobId, service, createdAt }: StoredJob | DeletedJob,
  state: JobState | undefined,
): JobView {
  const { status = 'Failed', progress = nothing } = state ?? {}
  return { jobId, ...(service !== undefined && { service }), status, progress, createdAt, isDeleted: true }
}
