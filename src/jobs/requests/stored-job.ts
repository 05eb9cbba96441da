import type { BlobStore } from '../blob-store.ts'
import { type JobFolder, jobFolder, oldJobFolder, resultsPrefix, specBlob } from '../layout.ts'
import { readProgress } from '../output/progress.ts'
import { readState } from '../records.ts'
import type { JobSpec } from '../spec.ts'
import type { JobProgress, JobState } from '../state.ts'
import type { JobView } from './job-view.ts'

/**
 * What stands in place of a spec where a message asked for what cannot be: nobody waited for an answer, so it is kept for
 * whoever asks how the job is. Nothing ever works on such a job.
 */
export interface RefusedJob {
  readonly jobId: string
  readonly folder: JobFolder
  /** Absent: the message names no service that there is. */
  readonly service?: string
  readonly messageId: string
  readonly createdAt: string
  readonly refused: { readonly code: string; readonly message: string }
}

export type StoredJob = JobSpec | RefusedJob

export function isRefused(job: StoredJob): job is RefusedJob {
  return 'refused' in job
}

/** @returns undefined: there is no such job */
export async function readJob(store: BlobStore, folder: JobFolder): Promise<StoredJob | undefined> {
  const blob = await store.readWhole(specBlob(folder))
  return blob && { ...(JSON.parse(Buffer.from(blob.content).toString()) as StoredJob), folder }
}

/** What a service knows by that id. @returns undefined: nothing, whatever other services call so */
export async function findJob(store: BlobStore, service: string, jobId: string): Promise<StoredJob | undefined> {
  const job = await readJob(store, jobFolder(service, jobId))
  if (job) return job
  const old = await readJob(store, oldJobFolder(jobId))
  return old?.service === service ? old : undefined
}

/** The job as its owner sees it now. */
export async function readJobView(store: BlobStore, job: StoredJob): Promise<JobView> {
  if (isRefused(job)) return refusedView(job)
  const state: JobState = (await readState(store, job.folder)) ?? { status: 'NotStarted', createdAt: job.createdAt }
  const { status, createdAt, startedAt, endedAt, error } = state
  const isPartial = status === 'Failed' || status === 'Canceled'
  return {
    jobId: job.jobId,
    service: job.service,
    status,
    progress: status === 'NotStarted' ? nothing : await readProgress(store, job, state),
    createdAt,
    ...(startedAt === undefined ? {} : { startedAt }),
    ...(endedAt === undefined ? {} : { endedAt }),
    output: { ...job.output, ...(isPartial ? { partial: `jobs/${resultsPrefix(job.folder)}` } : {}) },
    ...(error === undefined ? {} : { error }),
  }
}

const nothing: JobProgress = { rows: 0, succeeded: 0, failed: 0, chunks: 0, chunksDone: 0, percent: 0 }

function refusedView({ jobId, service, createdAt, refused }: RefusedJob): JobView {
  const times = { createdAt, endedAt: createdAt }
  return {
    jobId,
    ...(service === undefined ? {} : { service }),
    status: 'Failed',
    progress: nothing,
    ...times,
    error: refused,
  }
}
