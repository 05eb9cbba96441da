/** Reads what a job is, and changes its state. */
import { type BlobStore, readJson } from './blob-store.ts'
import { type JobFolder, specBlob, stateBlob } from './layout.ts'
import type { JobSpec } from './spec.ts'
import { type JobState, type JobStatus, transitions } from './state.ts'

/** @returns undefined when there is no such job, or only one that was refused */
export async function readSpec(store: BlobStore, folder: JobFolder): Promise<JobSpec | undefined> {
  const spec = (await readJson<JobSpec>(store, specBlob(folder)))?.value
  return spec?.input && { ...spec, folder }
}

export async function readState(store: BlobStore, folder: JobFolder): Promise<JobState | undefined> {
  return (await readJson<JobState>(store, stateBlob(folder)))?.value
}

/** The state of a job on which no step has worked. */
export function firstState({ createdAt }: JobSpec): JobState {
  return { status: 'NotStarted', createdAt }
}

/** Reads the state, and writes it first if an interrupted submission left none. @returns undefined when the job is gone */
export async function ensureState(store: BlobStore, spec: JobSpec): Promise<JobState | undefined> {
  const state = await readState(store, spec.folder)
  if (state) return state
  await store.create(stateBlob(spec.folder), JSON.stringify(firstState(spec)))
  return readState(store, spec.folder)
}

/** A change of status, with what else changes in the state. */
export interface StateChange extends Omit<Partial<JobState>, 'status' | 'createdAt'> {
  /** Statuses that may change, as far as `transitions` allows. */
  readonly from: readonly JobStatus[]
  readonly to: JobStatus
}

/**
 * Changes the status by compare and swap, so that one of two concurrent changes wins, and a job that has ended stays as it is.
 *
 * @returns the state afterwards, also if another process changed it; undefined when the job is gone
 */
export async function changeState(
  store: BlobStore,
  folder: JobFolder,
  { from, to, ...details }: StateChange,
): Promise<JobState | undefined> {
  for (;;) {
    const current = await readJson<JobState>(store, stateBlob(folder))
    if (!current) return undefined
    const { value: state, etag } = current
    // A swap that seemed lost may have been ours, and replaced since. Then `state` shows it now.
    if (!from.includes(state.status) || !transitions[state.status].includes(to)) return state
    const next: JobState = { ...state, ...details, status: to }
    if (await store.replace(stateBlob(folder), JSON.stringify(next), etag)) return next
  }
}
