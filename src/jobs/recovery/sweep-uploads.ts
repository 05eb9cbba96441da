/** Removes files that came with submissions and are of no job. */
import type { BlobReference, BlobStore } from '../blob-store.ts'
import { asUpload, type JobFolder, jobsContainer, uploadPrefix } from '../layout.ts'
import type { JobLimits } from '../limits.ts'
import { readSpec, readState } from '../records.ts'
import { hasEnded } from '../state.ts'

/**
 * A file is committed before its job exists, so one is left when the process dies in between, or when another submission of the same
 * job was first and the process died before it removed this one.
 */
export async function sweepUploads(
  store: BlobStore,
  { orphanMs, perSweep }: Pick<JobLimits, 'orphanMs' | 'perSweep'>,
): Promise<void> {
  const now = await store.now()
  let left = perSweep
  for await (const { path, modifiedAt, metadata } of store.list(jobsContainer, uploadPrefix)) {
    if (now - modifiedAt < orphanMs) continue // its submission may still be in progress
    if (left === 0) return
    const file = { container: jobsContainer, path }
    if (metadata.folder !== undefined && (await isRead(store, metadata.folder as JobFolder, file))) continue
    await store.remove(file)
    left--
  }
}

/** Whether the file is the input of a job that has not ended. */
async function isRead(store: BlobStore, folder: JobFolder, { path }: BlobReference): Promise<boolean> {
  const spec = await readSpec(store, folder)
  if (!spec || !('blob' in spec.input.place) || asUpload(spec.input.place.blob)?.path !== path) return false
  const state = await readState(store, folder)
  return state === undefined || !hasEnded(state.status)
}
