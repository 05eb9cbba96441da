import type { BlobStore } from '../blob-store.ts'
import {
  activeBlob,
  activeJobFolder,
  activePrefix,
  asUpload,
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

/** Re-enqueues lost messages of all jobs that have not ended, and completes steps whose process died. */
export async function sweepJobs(tools: JobTools): Promise<void> {
  const { store, log } = tools
  let now: number | undefined
  for await (const { path, modifiedAt, metadata } of store.list(jobsContainer, activePrefix)) {
    const folder = activeJobFolder(path)
    try {
      now ??= await readStorageClock(store)
      await sweepJob(tools, folder, { enteredAt: modifiedAt, upload: metadata.upload, now })
    } catch (failure) {
      // The other jobs are still swept, and this one again by the next sweep.
      log(`job ${folder}: the sweep failed: ${failure instanceof Error ? failure.message : failure}`)
    }
  }
}

interface Entry {
  /** When the job's active entry was written. */
  readonly enteredAt: number
  /** The file that came with its submission, if one did: `<container>/<path>`. */
  readonly upload: string | undefined
  readonly now: number
}

async function sweepJob(tools: JobTools, folder: JobFolder, { enteredAt, upload, now }: Entry): Promise<void> {
  const { store, queues, limits } = tools
  const spec = await readSpec(store, folder)
  if (!spec) return now - enteredAt >= limits.orphanMs ? removeOrphan(tools, folder, upload) : undefined
  const state = await ensureState(store, spec)
  const changedAt = (await store.head(stateBlob(folder)))?.modifiedAt
  if (!state || changedAt === undefined) return
  if (hasEnded(state.status)) return cleanUp(tools, spec)
  const lost = await findLostWork(tools, { spec, state }, { changedAt, now })
  for (const { queue, message } of await chooseDue(tools, folder, { lost, now })) await queues.send(queue, message)
}

/** Removes the active entry of a submission that was never completed, or of a job whose blobs were removed. */
async function removeOrphan({ store }: JobTools, folder: JobFolder, upload: string | undefined): Promise<void> {
  const file = upload === undefined ? undefined : asUpload(upload)
  if (file) await store.remove(file)
  await store.remove(activeBlob(folder))
  // A submission writes the entry again after the spec, so one of the two sees the other.
  const spec = await readSpec(store, folder)
  if (spec) await store.create(activeBlob(folder), '', { service: spec.service })
}

/** Reads the clock of the storage, which stamps the blobs. Clocks of instances differ from it, and may jump. */
async function readStorageClock(store: BlobStore): Promise<number> {
  const blob = await store.head(sweepClockBlob)
  // If another sweeper writes the blob at this moment, its time is as good.
  await (blob ? store.replace(sweepClockBlob, '', blob.etag) : store.create(sweepClockBlob, ''))
  const written = await store.head(sweepClockBlob)
  if (!written) throw new Error('the blob that shows the time of the storage was removed')
  return written.modifiedAt
}
