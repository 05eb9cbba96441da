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
  return (await readStoredState(store, folder))?.value
}

/** A state, and the version of its blob. */
export interface StoredState {
  readonly value: JobState
  readonly etag: string
}

export function readStoredState(store: BlobStore, folder: JobFolder): Promise<StoredState | undefined> {
  return readJson<JobState>(store, stateBlob(folder))
}

/** The state of a job on which no step has worked. */
export function firstState({ createdAt }: JobSpec): JobState {
  return { status: 'NotStarted', createdAt }
}

/** @returns undefined when the job has a state already */
export async function createState(store: BlobStore, spec: JobSpec): Promise<StoredState | undefined> {
  const value = firstState(spec)
  const etag = await store.create(stateBlob(spec.folder), JSON.stringify(value))
  return etag === undefined ? undefined : { value, etag }
}

/** Reads the state, and writes it first if an interrupted submission left none. @returns undefined when the job is gone */
export async function ensureState(store: BlobStore, spec: JobSpec): Promise<JobState | undefined> {
  return (await ensureStoredState(store, spec))?.value
}

/** As `ensureState`. */
export async function ensureStoredState(store: BlobStore, spec: JobSpec): Promise<StoredState | undefined> {
  const state = await readStoredState(store, spec.folder)
  return state ?? (await createState(store, spec)) ?? (await readStoredState(store, spec.folder))
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
 * @param known  the state as it was read just now, which need not be read again
 * @returns the state afterwards, also if another process changed it; undefined when the job is gone
 */
export async function changeState(
  store: BlobStore,
  folder: JobFolder,
  change: StateChange,
  known?: StoredState,
): Promise<JobState | undefined> {
  const changed = known && (await swapState(store, folder, change, known))
  if (changed) return changed.value
  for (;;) {
    const current = await readStoredState(store, folder)
    // A swap that seemed lost may have been ours, and replaced since. Then the state shows it now.
    if (!current || !isAllowed(change, current.value)) return current?.value
    const next = await swapState(store, folder, change, current)
    if (next) return next.value
  }
}

/** Makes one attempt. @returns undefined when the state has another version by now, or does not allow the change */
export async function swapState(
  store: BlobStore,
  folder: JobFolder,
  change: StateChange,
  { value, etag }: StoredState,
): Promise<StoredState | undefined> {
  if (!isAllowed(change, value)) return undefined
  const { from: _, to, ...details } = change
  const next: JobState = { ...value, ...details, status: to }
  const written = await store.replace(stateBlob(folder), JSON.stringify(next), etag)
  return written === undefined ? undefined : { value: next, etag: written }
}

function isAllowed({ from, to }: StateChange, { status }: JobState): boolean {
  return from.includes(status) && transitions[status].includes(to)
}
