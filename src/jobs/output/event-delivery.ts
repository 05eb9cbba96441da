import { type BlobStore, readJson } from '../blob-store.ts'
import { eventBlob, type JobFolder } from '../layout.ts'

/** How far the event of a job has come. Stored as `event.json`. */
export interface EventDelivery {
  readonly attempts: number
  /** ISO 8601; absent: not yet. */
  readonly deliveredAt?: string
  /** Too many attempts have failed. */
  readonly isGivenUp?: boolean
  /** Why the last attempt failed. */
  readonly lastError?: string
}

export async function readDelivery(store: BlobStore, folder: JobFolder): Promise<EventDelivery | undefined> {
  return (await readJson<EventDelivery>(store, eventBlob(folder)))?.value
}
