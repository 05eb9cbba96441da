import type { ScoringError } from '../../errors.ts'
import { type BlobStore, readJson } from '../blob-store.ts'
import { type JobFolder, jobFolder, listEntryBlob, messageFolder, oldJobFolder, specBlob } from '../layout.ts'
import { type JobSpec, jobIdPattern } from '../spec.ts'
import { sha256 } from './job-request.ts'

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
}

export type StoredJob = JobSpec | RefusedJob

export function isRefused(job: StoredJob): job is RefusedJob {
  return 'refused' in job
}

/** @returns undefined when there is no such job */
export async function readJob(store: BlobStore, folder: JobFolder): Promise<StoredJob | undefined> {
  const job = await readJson<StoredJob>(store, specBlob(folder))
  return job && { ...job.value, folder }
}

/** Finds a job among those of one service. @returns undefined when that service has none with this id */
export async function findJob(store: BlobStore, service: string, jobId: string): Promise<StoredJob | undefined> {
  const job = await readJob(store, jobFolder(service, jobId))
  if (job) return job
  const old = await readJob(store, oldJobFolder(jobId))
  return old?.service === service ? old : undefined
}

interface Refusal {
  /** The submission as far as it could be read. */
  readonly submission: unknown
  readonly messageId: string
  /** Undefined when the message names no existing service. */
  readonly service: string | undefined
  readonly error: ScoringError
  /** ISO 8601 */
  readonly createdAt: string
}

/**
 * Stores an invalid message as a failed job: under the id that it asks for if that id is free, otherwise under the id of the
 * message. Without a service only the message's id is used, because any other id may belong to a job of some service.
 *
 * @returns the job's id, or undefined when the message was stored before
 */
export async function storeRefusedJob(store: BlobStore, refusal: Refusal): Promise<string | undefined> {
  const { submission, messageId, service, createdAt } = refusal
  const { code, message } = refusal.error
  const ownId = messageJobId(messageId)
  for (const jobId of service === undefined ? [ownId] : [...requestedId(submission), ownId]) {
    const folder = service === undefined ? messageFolder(jobId) : jobFolder(service, jobId)
    const existing = service === undefined ? await readJob(store, folder) : await findJob(store, service, jobId)
    if (existing && isRefused(existing) && existing.messageId === messageId) return undefined // delivered twice
    if (existing) continue
    const named = service === undefined ? {} : { service }
    const job: RefusedJob = { jobId, folder, ...named, messageId, createdAt, refused: { code, message } }
    if (service !== undefined) await store.create(listEntryBlob(service, Date.parse(createdAt), jobId), '')
    if (await store.create(specBlob(folder), JSON.stringify(job))) return jobId
  }
  return undefined
}

/** The id of a job whose message gives it none. Ids of messages are GUIDs. */
export function messageJobId(messageId: string): string {
  const jobId = `message-${messageId}`
  return jobIdPattern.test(jobId) ? jobId : `message-${sha256(messageId)}`
}

function requestedId(submission: unknown): string[] {
  const { jobId } = (submission ?? {}) as { jobId?: unknown }
  return typeof jobId === 'string' && jobIdPattern.test(jobId) ? [jobId] : []
}
