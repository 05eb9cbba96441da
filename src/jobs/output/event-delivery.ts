import { type BlobStore, readJson } from '../blob-store.ts'
import { entryBlob, eventBlob, type JobFolder } from '../layout.ts'
import type { JobSpec } from '../spec.ts'

/** How far the event of a job has come. */
export interface EventDelivery {
  readonly attempts: number
  /** ISO 8601; absent: not yet. */
  readonly deliveredAt?: string
  /** Too many attempts have failed. */
  readonly isGivenUp?: boolean
  /** Why the last attempt failed. */
  readonly lastError?: string
}

/** The event of a job, as `event.json` has it: all that it takes to send it after the job has been deleted, but for the signature. */
export interface JobEvent {
  readonly target: NonNullable<JobSpec['onCompleted']>
  /** A CloudEvent in JSON. */
  readonly event: string
  readonly delivery: EventDelivery
}

export async function readDelivery(store: BlobStore, folder: JobFolder): Promise<EventDelivery | undefined> {
  return (await readJson<JobEvent>(store, eventBlob(folder)))?.value.delivery
}

/** Whether there is an event that was neither accepted nor given up. */
export async function isEventPending(store: BlobStore, folder: JobFolder): Promise<boolean> {
  return (await store.head(entryBlob('events', folder))) !== undefined
}
