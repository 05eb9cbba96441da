import type { ScoringError } from '../../errors.ts'
import type { BlobStore } from '../blob-store.ts'
import { listedPlace, specPlace } from '../job-layout.ts'
import { jobIdPattern } from '../job-spec.ts'
import { sha256 } from './order.ts'
import { isRefused, type RefusedJob, readJob } from './stored-job.ts'

/**
 * Keeps a message that asks for what cannot be as a failed job: under the id that was asked for, where that is free, else
 * under that of the message.
 *
 * @param asked  what the message holds, as far as it could be read
 * @param service  that it names, if there is such a one
 * @returns the job's id; undefined: it is kept already
 */
export async function keepRefused(
  store: BlobStore,
  asked: unknown,
  messageId: string,
  service: string | undefined,
  { code, message }: ScoringError,
  createdAt: string,
): Promise<string | undefined> {
  for (const jobId of [...askedId(asked), messageJobId(messageId)]) {
    const known = await readJob(store, jobId)
    if (known && isRefused(known) && known.messageId === messageId) return undefined // delivered twice
    if (known) continue
    const named = service === undefined ? {} : { service }
    const job: RefusedJob = { jobId, ...named, messageId, createdAt, refused: { code, message } }
    if (service !== undefined) await store.create(listedPlace(service, Date.parse(createdAt), jobId), '')
    if (await store.create(specPlace(jobId), JSON.stringify(job))) return jobId
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
