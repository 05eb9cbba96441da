import type { BlobStore } from '../blob-store.ts'
import {
  activeBlob,
  activeJobFolder,
  activePrefix,
  type JobFolder,
  jobsContainer,
  stateBlob,
  sweepClockBlob,
} from '../layout.ts'
import { cleanUp } from '../output/end-job.ts'
import { ensureState, readSpec } from '../records.ts'
import { hasEnded } from '../state.ts'
import type { JobTools } from '../tools.ts'
import { findLostWork } from './lost-work.ts'
import { chooseDue } from './sweep-memory.ts'

/** Looks after all jobs that have not ended, and brings back what was lost: messages, and steps of those who died. */
export async function sweepJobs(tools: JobTools): Promise<void> {
  const { store, log } = tools
  let now: number | undefined
  for await (const { path, modifiedAt } of store.list(jobsContainer, activePrefix)) {
    const folder = activeJobFolder(path)
    try {
      now ??= await storageTime(store)
      await sweepJob(tools, folder, modifiedAt, now)
    } catch (failure) {
      // The other jobs are looked after all the same, and this one a minute later.
      log(`job ${folder}: could not be looked after: ${failure instanceof Error ? failure.message : failure}`)
    }
  }
}

async function sweepJob(tools: JobTools, folder: JobFolder, markedAt: number, now: number): Promise<void> {
  const { store, queues, limits } = tools
  const spec = await readSpec(store, folder)
  if (!spec) return now - markedAt >= limits.orphanMs ? removeOrphan(tools, folder) : undefined
  const state = await ensureState(store, spec)
  const changedAt = (await store.head(stateBlob(folder)))?.modifiedAt
  if (!state || changedAt === undefined) return
  if (hasEnded(state.status)) return cleanUp(tools, spec)
  const lost = await findLostWork(tools, { spec, state }, changedAt, now)
  for (const { queue, message } of await chooseDue(store, folder, lost, now, limits)) await queues.send(queue, message)
}

/** Of a job that was never submitted to the end, or whose blobs were removed; unless its spec has come at this moment. */
async function removeOrphan({ store }: JobTools, folder: JobFolder): Promise<void> {
  await store.remove(activeBlob(folder))
  // Who submits writes the entry again after the spec: one of the two sees the other.
  const spec = await readSpec(store, folder)
  if (spec) await store.create(activeBlob(folder), '', { service: spec.service })
}

/** By the storage's own clock, to which the ages of its blobs belong: clocks of instances jump. */
async function storageTime(store: BlobStore): Promise<number> {
  const blob = await store.head(sweepClockBlob)
  // Where another sweeper writes it at this moment, its time is as good.
  await (blob ? store.replace(sweepClockBlob, '', blob.etag) : store.create(sweepClockBlob, ''))
  const written = await store.head(sweepClockBlob)
  if (!written) throw new Error('the blob that tells the time of the storage was removed')
  return written.modifiedAt
}
