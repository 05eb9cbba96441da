import type { BlobStore } from '../blob-store.ts'
import { type JobFolder, jobFolder, oldJobFolder, specBlob } from '../layout.ts'
import type { JobSpec } from '../spec.ts'

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
