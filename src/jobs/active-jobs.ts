/** The jobs of a service that have not ended, as blobs of their own, so that listing them costs one call. */
import type { BlobStore } from './blob-store.ts'
import { activeBlob, activePrefixFor, jobsContainer } from './layout.ts'
import type { JobSpec } from './spec.ts'

/** Metadata of the jobs that came by a message or from a watched folder. */
const byMessage = 'by_message'

/** It may be repeated. @returns whether there was no entry before */
export async function enterActive(
  store: BlobStore,
  { folder, service, messageId }: Pick<JobSpec, 'folder' | 'service' | 'messageId'>,
): Promise<boolean> {
  const metadata = { service, ...(messageId !== undefined && { [byMessage]: 'true' }) }
  return (await store.create(activeBlob(folder), '', metadata)) !== undefined
}

/** The same where it is probably there: the sweeper may have removed it as an orphan. */
export async function stayActive(store: BlobStore, job: Parameters<typeof enterActive>[1]): Promise<void> {
  if (!(await store.head(activeBlob(job.folder)))) await enterActive(store, job)
}

/** @returns the number of them, and how many of these came by messages or from a watched folder */
export async function countActive(store: BlobStore, service: string): Promise<{ all: number; byMessages: number }> {
  let all = 0
  let byMessages = 0
  for await (const { metadata } of store.list(jobsContainer, activePrefixFor(service))) {
    all++
    if (metadata[byMessage] !== undefined) byMessages++
  }
  return { all, byMessages }
}
