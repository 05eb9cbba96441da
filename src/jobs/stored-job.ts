/** A job as `spec.json` has it: valid, refused, or deleted. */
import { type BlobStore, readJson } from './blob-store.ts'
import { type JobFolder, jobFolder, oldJobFolder, specBlob } from './layout.ts'
import type { JobSpec } from './spec.ts'

/**
 * Stored in place of a spec when a queue message asks for an invalid job. Its sender received no answer, so the job's
 * status says what was wrong. No step ever works on such a job.
 */
export interface RefusedJob {
  readonly jobId: string
  readonly folder: JobFolder
  /** Absent when the message names no existing service. */
  readonly service?: string
  readonly messageId: string
  readonly createdAt: string
  readonly refused: { readonly code: string; readonly message: string }
  /** Where its event goes; absent: nowhere, or the submission does not name a place that is allowed. */
  readonly onCompleted?: JobSpec['onCompleted']
}

export type StoredJob = JobSpec | RefusedJob

/**
 * Replaces the spec of a deleted job for a while: neither a late duplicate of its message nor a process that stood still can create
 * the job again, and its id is not mistaken for that of another job.
 */
export interface DeletedJob {
  readonly jobId: string
  readonly folder: JobFolder
  readonly service?: string
  /** Id of the message that had created it. */
  readonly messageId?: string
  readonly createdAt: string
  readonly isDeleted: true
}

export function isRefused(job: StoredJob): job is RefusedJob {
  return 'refused' in job
}

export function isDeleted(record: StoredJob | DeletedJob): record is DeletedJob {
  return 'isDeleted' in record
}

/** @returns undefined when nothing has this id */
export async function readRecord(store: BlobStore, folder: JobFolder): Promise<StoredJob | DeletedJob | undefined> {
  const record = await readJson<StoredJob | DeletedJob>(store, specBlob(folder))
  return record && { ...record.value, folder }
}

/** @returns undefined when there is no such job, or no longer */
export async function readJob(store: BlobStore, folder: JobFolder): Promise<StoredJob | undefined> {
  const record = await readRecord(store, folder)
  return record && !isDeleted(record) ? record : undefined
}

/** Finds a job among those of one service. @returns undefined when that service has none with this id */
export async function findJob(store: BlobStore, service: string, jobId: string): Promise<StoredJob | undefined> {
  return (await readJob(store, jobFolder(service, jobId))) ?? findOldJob(store, service, jobId)
}

/** Finds a job of version 0.1.0 among those of one service. */
export async function findOldJob(store: BlobStore, service: string, jobId: string): Promise<StoredJob | undefined> {
  const old = await readJob(store, oldJobFolder(jobId))
  return old?.service === service ? old : undefined
}
