import type { ScoringError } from '../../errors.ts'
import type { BlobStore } from '../blob-store.ts'
import { jobFolder, listEntryBlob, messageFolder, specBlob } from '../layout.ts'
import { refusedView } from '../output/job-view.ts'
import { encodeEntry } from '../output/list-entry.ts'
import { jobIdPattern } from '../spec.ts'
import { findJob, isDeleted, isRefused, type RefusedJob, readRecord } from '../stored-job.ts'
import { sha256 } from './job-request.ts'

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
    const existing = (await readRecord(store, folder)) ?? (service && (await findJob(store, service, jobId)))
    // Delivered twice.
    if (existing && (isDeleted(existing) || isRefused(existing)) && existing.messageId === messageId) return undefined
    if (existing) continue
    const named = service === undefined ? {} : { service }
    const job: RefusedJob = { jobId, folder, ...named, messageId, createdAt, refused: { code, message } }
    const entry = service !== undefined && listEntryBlob(service, Date.parse(createdAt), jobId)
    if (entry) await store.create(entry, '', encodeEntry(refusedView(job)))
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
