import type { BlobStore } from './blob-store.ts'
import { JobStopped } from './failure.ts'
import type { JobFolder } from './layout.ts'
import { ensureStoredState, readSpec, readState, readStoredState, type StoredState } from './records.ts'
import type { JobSpec } from './spec.ts'
import type { JobState } from './state.ts'
import type { JobTools } from './tools.ts'

export interface OpenJob {
  readonly spec: JobSpec
  readonly state: JobState
  /** The version of the state, if it was just read. */
  readonly etag?: string
}

/** The state of a job that was just opened, with its version. */
export function storedState({ state, etag }: OpenJob): StoredState | undefined {
  return etag === undefined ? undefined : { value: state, etag }
}

/** @returns undefined when there is no such job, which is logged; its message is to be dropped */
export async function openJob({ store, cache, log }: JobTools, folder: JobFolder): Promise<OpenJob | undefined> {
  const cached = await openCached(store, cache.spec(folder))
  if (cached) return cached
  const spec = await readSpec(store, folder)
  const state = spec && (await ensureStoredState(store, spec))
  if (spec && state) {
    cache.storeSpec(spec)
    return { spec, state: state.value, etag: state.etag }
  }
  log(`job ${folder}: does not exist; its message is dropped`)
  return undefined
}

/**
 * As `openJob`, but the chunks of a small job, which are scored together, read its state once. It may be older than this call by the time
 * that a call of the storage takes.
 */
export function openTogether(tools: JobTools, folder: JobFolder): Promise<OpenJob | undefined> {
  return tools.cache.openOnce(folder, () => openJob(tools, folder))
}

/** @returns undefined when the spec is not cached, or is that of a removed job with the same id */
async function openCached(store: BlobStore, spec: JobSpec | undefined): Promise<OpenJob | undefined> {
  const state = spec && (await readStoredState(store, spec.folder))
  if (!state || state.value.createdAt !== spec.createdAt) return undefined
  return { spec, state: state.value, etag: state.etag }
}

/** Whether the chunks of a job are still to be planned and scored. */
export function isActive(state: JobState | undefined): boolean {
  return state?.status === 'NotStarted' || state?.status === 'Running'
}

/**
 * Runs long work of a job, and aborts it within `pollMs` after the job is no longer active.
 *
 * @throws JobStopped when the job is no longer active; what `work` throws
 */
export async function whileActive<T>(
  { store, clock, limits, stopping }: JobTools,
  folder: JobFolder,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const abort = new AbortController()
  const stop = () => abort.abort(stopping.reason)
  let isInactive = false
  let isOver = false
  let cancelPoll = () => {}
  const poll = async () => {
    // A failed poll is repeated later. If the storage is down, the work itself will fail.
    const state = await readState(store, folder).catch(() => 'unknown' as const)
    if (isOver) return
    if (state === 'unknown' || isActive(state)) return pollLater()
    isInactive = true
    abort.abort()
  }
  const pollLater = () => {
    cancelPoll = clock.after(limits.pollMs, () => void poll())
  }
  stopping.addEventListener('abort', stop)
  if (stopping.aborted) stop()
  pollLater()
  try {
    return await work(abort.signal)
  } catch (failure) {
    throw isInactive ? new JobStopped() : failure
  } finally {
    isOver = true
    cancelPoll()
    // Listeners would pile up on a signal that lives as long as the process.
    stopping.removeEventListener('abort', stop)
  }
}
