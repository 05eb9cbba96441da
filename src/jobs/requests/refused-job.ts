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
  /** Where its event goes. */
  readonly onCompleted: RefusedJob['onCompleted']
}

/**
 * Stores an invalid message as a failed job: under the id that it asks for if that id is free, otherwise under the id of the
 * message. Without a service only the message's id is used, because any other id may belong to a job of some service.
 *
 * @returns the job, unless it was deleted or others have its ids, and whether this call stored it
 */
export async function storeRefusedJob(
  store: BlobStore,
  refusal: Refusal,
): Promise<{ readonly job: RefusedJob | undefined; readonly isNew: boolean }> {
  const { submission, messageId, service, createdAt, onCompleted } = refusal
  const { code, message } = refusal.error
  const ownId = messageJobId(messageId)
  for (const jobId of service === undefined ? [ownId] : [...requestedId(submission), ownId]) {
    const folder = service === undefined ? messageFolder(jobId) : jobFolder(service, jobId)
    const existing = (await readRecord(store, folder)) ?? (service && (await findJob(store, service, jobId)))
    // Delivered twice.
    if (existing && (isDeleted(existing) || isRefused(existing)) && existing.messageId === messageId)
      return { job: isDeleted(existing) ? undefined : existing, isNew: false }
    if (existing) continue
    const known = { ...(service !== undefined && { service }), ...(onCompleted && { onCompleted }) }
    const job: RefusedJob = { jobId, folder, ...known, messageId, createdAt, refused: { code, message } }
    const entry = service !== undefined && listEntryBlob(service, Date.parse(createdAt), jobId)
    if (entry) await store.create(entry, '', encodeEntry(refusedView(job)))
    if (await store.create(specBlob(folder), JSON.stringify(job))) return { job, isNew: true }
  }
  return { job: undefined, isNew: false }
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
