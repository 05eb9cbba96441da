/** Reading what a job is, and changing how it stands. */
import type { BlobStore } from './blob-store.ts'
import { type JobFolder, specBlob, stateBlob } from './layout.ts'
import type { JobSpec } from './spec.ts'
import { type JobState, type JobStatus, transitions } from './state.ts'

/** @returns undefined: there is no such job, or not yet, or not any more; or it was refused, and is kept to say so */
export async function readSpec(store: BlobStore, folder: JobFolder): Promise<JobSpec | undefined> {
  const blob = await store.readWhole(specBlob(folder))
  const spec = blob && (JSON.parse(Buffer.from(blob.content).toString()) as JobSpec)
  return spec?.input && { ...spec, folder }
}

export async function readState(store: BlobStore, folder: JobFolder): Promise<JobState | undefined> {
  return (await readVersion(store, folder))?.state
}

/** How a job stands that nothing has been done for. */
export function firstState({ createdAt }: JobSpec): JobState {
  return { status: 'NotStarted', createdAt }
}

/** The state of a job that has a spec: who submitted it may have died before writing the state. @returns undefined: gone */
export async function ensureState(store: BlobStore, spec: JobSpec): Promise<JobState | undefined> {
  const state = await readState(store, spec.folder)
  if (state) return state
  await store.create(stateBlob(spec.folder), JSON.stringify(firstState(spec)))
  return readState(store, spec.folder)
}

/**
 * Moves a job on, if it stands where it may come from; compared and swapped, so of two who move it to different ends
 * one wins, and what has ended stays as it is.
 *
 * @param from  where it may come from, also by `transitions`
 * @param change  what else is said of the new state
 * @returns how it stands afterwards, whoever moved it; undefined: it is gone
 */
export async function changeState(
  store: BlobStore,
  folder: JobFolder,
  from: readonly JobStatus[],
  to: JobStatus,
  change: Omit<Partial<JobState>, 'status' | 'createdAt'> = {},
): Promise<JobState | undefined> {
  for (;;) {
    const current = await readVersion(store, folder)
    if (!current) return undefined
    const { state, etag } = current
    // A swap that looked lost over a broken connection may have been ours: then it is there now.
    if (!from.includes(state.status) || !transitions[state.status].includes(to)) return state
    const next: JobState = { ...state, ...change, status: to }
    if (await store.replace(stateBlob(folder), JSON.stringify(next), etag)) return next
  }
}

async function readVersion(
  store: BlobStore,
  folder: JobFolder,
): Promise<{ state: JobState; etag: string } | undefined> {
  const blob = await store.readWhole(stateBlob(folder))
  return blob && { state: JSON.parse(Buffer.from(blob.content).toString()) as JobState, etag: blob.etag }
}
