/** The entry of a job in the list of its service. Once the job has ended, it shows the job, so that a page costs one listing. */
import { anyVersion, type BlobMetadata, type BlobStore } from '../blob-store.ts'
import { listEntryBlob } from '../layout.ts'
import type { JobSpec } from '../spec.ts'
import type { JobState } from '../state.ts'
import { endedView, type JobView } from './job-view.ts'

/** Azure takes 8 KiB of metadata. A larger entry does without, and the list reads the job. */
const maxTextBytes = 7000

/**
 * Writes what the list shows of a job that has ended. It may be repeated. An entry that is gone is not written again, because then the
 * job was deleted.
 */
export async function closeListEntry(store: BlobStore, spec: JobSpec, state: JobState): Promise<void> {
  const entry = listEntryBlob(spec.service, Date.parse(spec.createdAt), spec.jobId)
  const metadata = encodeEntry(endedView(spec, state))
  if (metadata.job !== undefined) await store.replace(entry, '', anyVersion, metadata)
}

/** @returns metadata, which is ASCII */
export function encodeEntry(view: JobView): BlobMetadata {
  const text = Buffer.from(JSON.stringify(view)).toString('base64')
  return text.length > maxTextBytes ? {} : { job: text }
}

/** @returns undefined when the job has not ended, or does not fit */
export function decodeEntry({ job }: BlobMetadata): JobView | undefined {
  return job === undefined ? undefined : (JSON.parse(Buffer.from(job, 'base64').toString()) as JobView)
}
