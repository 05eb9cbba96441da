import type { JobFailure } from '../failure.ts'
import { activeBlob, asUpload, signatureBlob } from '../layout.ts'
import { type OpenJob, storedState } from '../open-job.ts'
import { changeState, type StateChange } from '../records.ts'
import { hasEnded } from '../state.ts'
import type { JobTools } from '../tools.ts'
import { announceEnd, sendEvent } from './job-event.ts'
import { closeListEntry } from './list-entry.ts'
import { readProgress } from './progress.ts'

/**
 * Fails a job if its status is one of `from`. By default that excludes a job that is being cancelled, which ends as cancelled,
 * and one that is being finalized, whose output may exist.
 */
export async function failJob(
  tools: JobTools,
  { spec, state, from = ['NotStarted', 'Running'] }: OpenJob & Partial<Pick<StateChange, 'from'>>,
  { code, message, cause }: JobFailure,
): Promise<void> {
  if (!from.includes(state.status)) return
  const why = cause instanceof Error ? ` (${cause.message})` : ''
  tools.log(`job ${spec.folder}: failed: ${code}: ${message}${why}`)
  await endJob(tools, { spec, state }, { from, to: 'Failed', error: { code, message } })
}

/** Freezes the progress, which is read unless it is given, and cleans up if the job has ended, also by another process. */
export async function endJob(
  tools: JobTools,
  job: OpenJob,
  end: Pick<StateChange, 'from' | 'to' | 'error' | 'progress'>,
): Promise<void> {
  const { spec, state } = job
  const progress = end.progress ?? (await readProgress(tools.store, spec, state))
  const endedAt = new Date(await tools.store.now()).toISOString()
  const now = await changeState(tools.store, spec.folder, { ...end, endedAt, progress }, storedState(job))
  if (!now || !hasEnded(now.status)) return
  await afterEnd(tools, { spec, state: now })
}

/** Does what follows from the end of a job. It may be repeated, and so completes what a dead process left undone. */
export async function afterEnd(tools: JobTools, job: OpenJob): Promise<void> {
  const { folder, onCompleted } = job.spec
  await cleanUp(tools, job)
  if (onCompleted) await sendEvent(tools, folder, { isFirst: true })
}

/**
 * Shows the end of a job in the list, records that its event is to be sent, and removes what only active jobs need. The active
 * entry goes last: while it exists, the sweeper calls this again.
 */
export async function cleanUp(tools: JobTools, { spec, state }: OpenJob): Promise<void> {
  const { store } = tools
  const { place } = spec.input
  const upload = 'blob' in place && asUpload(place.blob)
  if (upload) await store.remove(upload)
  if ('url' in place) await store.remove(signatureBlob(spec.folder))
  await closeListEntry(store, spec, state)
  await announceEnd(tools, { spec, state })
  await store.remove(activeBlob(spec.folder))
}
