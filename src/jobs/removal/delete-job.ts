/**
 * Deletes jobs that have ended. A record in place of the spec is the moment from which the job is gone; what is left after a death is
 * removed by the sweeper. Other processes may still write blobs of the job at this moment, so its state, which shows that it has
 * ended, and that record stay for a day. Then all is removed, with what was written meanwhile. An event that was not accepted yet stays
 * until then, and is sent.
 */
import { type BlobStore, readJson } from '../blob-store.ts'
import {
  activeBlob,
  entryBlob,
  entryFolder,
  entryPrefixes,
  eventBlob,
  eventSignatureBlob,
  type JobFolder,
  jobsContainer,
  listEntryBlob,
  oldJobFolder,
  specBlob,
  stateBlob,
} from '../layout.ts'
import type { JobLimits } from '../limits.ts'
import { isEventPending } from '../output/event-delivery.ts'
import { announceEnd, announceRefusal } from '../output/job-event.ts'
import { readState } from '../records.ts'
import { hasEnded } from '../state.ts'
import { type DeletedJob, isDeleted, isRefused, readRecord, type StoredJob } from '../stored-job.ts'

/** Blobs that are removed at a time. With more, other calls of an emulator would wait behind them. */
const concurrency = 16

const never = () => false

/**
 * Deletes a job with everything in its folder, so also with the output if the submission named no other place. It may be repeated.
 *
 * @param job  has ended, and `isOfFirstVersion` is false
 * @param isTimeUp  once it is true, the rest is left to the sweeper
 */
export async function deleteJob(store: BlobStore, job: StoredJob | DeletedJob, isTimeUp = never): Promise<void> {
  await beginDeletion(store, job)
  await removeBlobs(store, job, isTimeUp)
}

/** The first part of `deleteJob`: a few calls, after which the job is gone for callers, and the sweeper completes what is left. */
export async function beginDeletion(store: BlobStore, job: StoredJob | DeletedJob): Promise<void> {
  await announceIfEnded(store, job)
  await store.create(entryBlob('deleting', job.folder), '')
  await markDeleted(store, job.folder)
}

/** The other part, whose calls are as many as there are blobs. */
export async function removeBlobs(store: BlobStore, job: StoredJob | DeletedJob, isTimeUp = never): Promise<void> {
  const { folder } = job
  if (!(await removeContents(store, job, isTimeUp))) return
  await store.create(entryBlob('deleted', folder), '')
  await store.remove(entryBlob('deleting', folder))
}

/** The process that ended it may have died before it recorded that its event is to be sent. */
async function announceIfEnded(store: BlobStore, job: StoredJob | DeletedJob): Promise<void> {
  if (isDeleted(job)) return
  if (isRefused(job)) return announceRefusal(store, job)
  const state = await readState(store, job.folder)
  if (state && hasEnded(state.status)) await announceEnd({ store }, { spec: job, state })
}

/** Whether its folder is named by its id alone. Such a folder may also hold jobs of a service, if that has this name. */
export function isOfFirstVersion({ folder, jobId }: StoredJob): boolean {
  return folder === oldJobFolder(jobId)
}

/** Of the spec, only another deletion makes a new version. */
async function markDeleted(store: BlobStore, folder: JobFolder): Promise<void> {
  const spec = await readJson<StoredJob | DeletedJob>(store, specBlob(folder))
  if (!spec || isDeleted(spec.value)) return
  const { jobId, service, messageId, createdAt } = spec.value
  const record: DeletedJob = {
    jobId,
    folder,
    ...(service !== undefined && { service }),
    ...(messageId !== undefined && { messageId }),
    createdAt,
    isDeleted: true,
  }
  await store.replace(specBlob(folder), JSON.stringify(record), spec.etag)
}

/** @returns whether nothing is left */
async function removeContents(store: BlobStore, job: StoredJob | DeletedJob, isTimeUp: () => boolean) {
  const { folder, service, jobId, createdAt } = job
  if (service !== undefined) await store.remove(listEntryBlob(service, Date.parse(createdAt), jobId))
  await store.remove(activeBlob(folder))
  const event = (await isEventPending(store, folder)) ? [eventBlob(folder).path, eventSignatureBlob(folder).path] : []
  const kept = [specBlob(folder).path, stateBlob(folder).path, ...event]
  return removeFolder(store, folder, path => !kept.includes(path), isTimeUp)
}

/** @returns whether nothing is left */
async function removeFolder(
  store: BlobStore,
  folder: JobFolder,
  isRemoved: (path: string) => boolean,
  isTimeUp: () => boolean,
): Promise<boolean> {
  const blobs = store.list(jobsContainer, `${folder}/`)[Symbol.asyncIterator]()
  let isLeft = false
  const removeSome = async () => {
    for (let next = await blobs.next(); !next.done; next = await blobs.next()) {
      const { path } = next.value
      if (!isRemoved(path)) continue
      isLeft ||= isTimeUp()
      if (isLeft) return
      await store.remove({ container: jobsContainer, path })
    }
  }
  await Promise.all(Array.from({ length: concurrency }, removeSome))
  return !isLeft
}

/**
 * Completes deletions whose process died or had no time, and frees the ids of jobs that were deleted a day ago.
 *
 * @param isTimeUp  once it is true, the rest is left to the next sweep
 */
export async function sweepDeleted(
  store: BlobStore,
  { orphanMs, deletedMs, perSweep }: Pick<JobLimits, 'orphanMs' | 'deletedMs' | 'perSweep'>,
  isTimeUp = never,
): Promise<void> {
  const now = await store.now()
  let left = perSweep
  for await (const { path, modifiedAt } of store.list(jobsContainer, entryPrefixes.deleting)) {
    if (now - modifiedAt < orphanMs) continue // it is probably being removed
    if (left-- === 0 || isTimeUp()) return
    await completeDeletion(store, entryFolder('deleting', path), isTimeUp)
  }
  for await (const { path, modifiedAt, etag } of store.list(jobsContainer, entryPrefixes.deleted)) {
    if (now - modifiedAt < deletedMs || (await isEventPending(store, entryFolder('deleted', path)))) continue
    if (left-- === 0 || isTimeUp()) return
    // Of two sweepers one frees the id: the other could remove a new job that has it.
    const isOurs = await store.replace({ container: jobsContainer, path }, '', etag)
    if (isOurs) await freeId(store, entryFolder('deleted', path))
  }
}

async function completeDeletion(store: BlobStore, folder: JobFolder, isTimeUp: () => boolean): Promise<void> {
  const record = await readRecord(store, folder)
  if (record && isDeleted(record)) await deleteJob(store, record, isTimeUp)
  else await store.remove(entryBlob('deleting', folder)) // it did not come to be deleted
}

/** The record goes last but one: until then nothing can create the job, and while the entry is there it is freed again another day. */
async function freeId(store: BlobStore, folder: JobFolder): Promise<void> {
  const record = await readRecord(store, folder)
  if (!record || isDeleted(record)) {
    if (record) await removeFolder(store, folder, path => path !== specBlob(folder).path, never)
    await store.remove(specBlob(folder))
  }
  await store.remove(entryBlob('deleted', folder))
}
