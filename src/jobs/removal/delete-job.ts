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
import { announceEnd } from '../output/job-event.ts'
import { readState } from '../records.ts'
import { hasEnded } from '../state.ts'
import { type DeletedJob, isDeleted, isRefused, readRecord, type StoredJob } from '../stored-job.ts'

/** Blobs that are removed at a time. */
const concurrency = 16

/**
 * Deletes a job with everything in its folder, so also with the output if the submission named no other place. It may be repeated.
 *
 * @param job  has ended, and `isOfFirstVersion` is false
 */
export async function deleteJob(store: BlobStore, job: StoredJob | DeletedJob): Promise<void> {
  const { folder } = job
  await announceIfEnded(store, job)
  await store.create(entryBlob('deleting', folder), '')
  await markDeleted(store, folder)
  await removeContents(store, job)
  await store.create(entryBlob('deleted', folder), '')
  await store.remove(entryBlob('deleting', folder))
}

/** The process that ended it may have died before it recorded that its event is to be sent. */
async function announceIfEnded(store: BlobStore, job: StoredJob | DeletedJob): Promise<void> {
  if (isDeleted(job) || isRefused(job)) return
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

async function removeContents(store: BlobStore, { folder, service, jobId, createdAt }: StoredJob | DeletedJob) {
  if (service !== undefined) await store.remove(listEntryBlob(service, Date.parse(createdAt), jobId))
  await store.remove(activeBlob(folder))
  const event = (await isEventPending(store, folder)) ? [eventBlob(folder).path, eventSignatureBlob(folder).path] : []
  const kept = [specBlob(folder).path, stateBlob(folder).path, ...event]
  await removeFolder(store, folder, path => !kept.includes(path))
}

async function removeFolder(store: BlobStore, folder: JobFolder, isRemoved: (path: string) => boolean): Promise<void> {
  let paths: string[] = []
  const removeAll = () => Promise.all(paths.map(path => store.remove({ container: jobsContainer, path })))
  for await (const { path } of store.list(jobsContainer, `${folder}/`)) {
    if (!isRemoved(path)) continue
    paths.push(path)
    if (paths.length < concurrency) continue
    await removeAll()
    paths = []
  }
  await removeAll()
}

/** Completes deletions whose process died, and frees the ids of jobs that were deleted a day ago. */
export async function sweepDeleted(
  store: BlobStore,
  { orphanMs, deletedMs, perSweep }: Pick<JobLimits, 'orphanMs' | 'deletedMs' | 'perSweep'>,
): Promise<void> {
  const now = await store.now()
  let left = perSweep
  for await (const { path, modifiedAt } of store.list(jobsContainer, entryPrefixes.deleting)) {
    if (now - modifiedAt < orphanMs) continue // it is probably being removed
    if (left-- === 0) return
    await completeDeletion(store, entryFolder('deleting', path))
  }
  for await (const { path, modifiedAt, etag } of store.list(jobsContainer, entryPrefixes.deleted)) {
    if (now - modifiedAt < deletedMs || (await isEventPending(store, entryFolder('deleted', path)))) continue
    if (left-- === 0) return
    // Of two sweepers one frees the id: the other could remove a new job that has it.
    const isOurs = await store.replace({ container: jobsContainer, path }, '', etag)
    if (isOurs) await freeId(store, entryFolder('deleted', path))
  }
}

async function completeDeletion(store: BlobStore, folder: JobFolder): Promise<void> {
  const record = await readRecord(store, folder)
  if (record && isDeleted(record)) await deleteJob(store, record)
  else await store.remove(entryBlob('deleting', folder)) // it did not come to be deleted
}

/** The record goes last but one: until then nothing can create the job, and while the entry is there it is freed again another day. */
async function freeId(store: BlobStore, folder: JobFolder): Promise<void> {
  const record = await readRecord(store, folder)
  if (!record || isDeleted(record)) {
    if (record) await removeFolder(store, folder, path => path !== specBlob(folder).path)
    await store.remove(specBlob(folder))
  }
  await store.remove(entryBlob('deleted', folder))
}
