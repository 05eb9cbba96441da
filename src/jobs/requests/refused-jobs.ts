import type { ScoringError } from '../../errors.ts'
import type { BlobStore } from '../blob-store.ts'
import { jobFolder, listEntryBlob, messageFolder, specBlob } from '../layout.ts'
import { jobIdPattern } from '../spec.ts'
import { sha256 } from './job-request.ts'
import { findJob, isRefused, type RefusedJob, readJob } from './stored-job.ts'

/**
 * Keeps a message that asks for what cannot be as a failed job of its service: under the id that was asked for, where that
 * is free, else under that of the message. Where it names no service, the id of the message is all that anybody knows it by:
 * one that it asks for may be in use anywhere.
 *
 * @param asked  what the message holds, as far as it could be read
 * @param service  that it names, if there is such a one
 * @returns the job's id; undefined: it is kept already
 */
export async function storeRefusedJob(
  store: BlobStore,
  asked: unknown,
  messageId: string,
  service: string | undefined,
  { code, message }: ScoringError,
  createdAt: string,
): Promise<string | undefined> {
  const own = messageJobId(messageId)
  for (const jobId of service === undefined ? [own] : [...askedId(asked), own]) {
    const folder = service === undefined ? messageFolder(jobId) : jobFolder(service, jobId)
    const known = service === undefined ? await readJob(store, folder) : await findJob(store, service, jobId)
    if (known && isRefused(known) && known.messageId === messageId) return undefined // delivered twice
    if (known) continue
    const named = service === undefined ? {} : { service }
    const job: RefusedJob = { jobId, folder, ...named, messageId, createdAt, refused: { code, message } }
    if (service !== undefined) await store.create(listEntryBlob(service, Date.parse(createdAt), jobId), '')
    if (await store.create(specBlob(folder), JSON.stringify(job))) return jobId
  }
  return undefined
}

/** What the job of a message is called that gives it no name. Ids of messages are GUIDs. */
export function messageJobId(messageId: string): string {
  const jobId = `message-${messageId}`
  return jobIdPattern.test(jobId) ? jobId : `message-${sha256(messageId)}`
}

function askedId(asked: unknown): string[] {
  const { jobId } = (asked ?? {}) as { jobId?: unknown }
  return typeof jobId === 'string' && jobIdPattern.test(jobId) ? [jobId] : []
}
