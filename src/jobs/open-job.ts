import type { BlobStore } from './blob-store.ts'
import { JobStopped } from './failure.ts'
import type { JobFolder } from './layout.ts'
import { ensureState, readSpec, readState } from './records.ts'
import type { JobSpec } from './spec.ts'
import type { JobState } from './state.ts'
import type { JobTools } from './tools.ts'

export interface OpenJob {
  readonly spec: JobSpec
  readonly state: JobState
}

/** @returns undefined: there is no such job, which one line tells; its messages mean nothing any more */
export async function openJob({ store, known, log }: JobTools, folder: JobFolder): Promise<OpenJob | undefined> {
  const kept = await openCached(store, known.spec(folder))
  if (kept) return kept
  const spec = await readSpec(store, folder)
  const state = spec && (await ensureState(store, spec))
  if (spec && state) {
    known.storeSpec(spec)
    return { spec, state }
  }
  log(`job ${folder}: is gone; a message for it is dropped`)
  return undefined
}

/** @returns undefined: its spec is not known here, or is that of a job of the same id that was removed */
async function openCached(store: BlobStore, spec: JobSpec | undefined): Promise<OpenJob | undefined> {
  const state = spec && (await readState(store, spec.folder))
  return state && state.createdAt === spec.createdAt ? { spec, state } : undefined
}

/** @returns whether its chunks are still to be planned and scored */
export function isActive(state: JobState | undefined): boolean {
  return state?.status === 'NotStarted' || state?.status === 'Running'
}

/**
 * Does long work of a job, and aborts it soon after the job is not wanted any more.
 *
 * @throws JobStopped: it is not; what `work` throws
 */
export async function whileActive<T>(
  { store, clock, limits, stopping }: JobTools,
  folder: JobFolder,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const abort = new AbortController()
  const stop = () => abort.abort(stopping.reason)
  let isUnwanted = false
  let isOver = false
  let forget = () => {}
  const look = async () => {
    // A look that fails is taken again later; whether the storage is down, the work itself will find out.
    const state = await readState(store, folder).catch(() => 'unknown' as const)
    if (isOver) return
    if (state === 'unknown' || isActive(state)) return pollLater()
    isUnwanted = true
    abort.abort()
  }
  const pollLater = () => {
    forget = clock.after(limits.pollMs, () => void look())
  }
  stopping.addEventListener('abort', stop)
  if (stopping.aborted) stop()
  pollLater()
  try {
    return await work(abort.signal)
  } catch (failure) {
    throw isUnwanted ? new JobStopped() : failure
  } finally {
    isOver = true
    forget()
    // Signals that depend on one that lives as long as the process would pile up there.
    stopping.removeEventListener('abort', stop)
  }
}
