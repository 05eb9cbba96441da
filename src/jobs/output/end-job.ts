import type { JobFailure } from '../failure.ts'
import { activeBlob, signatureBlob } from '../layout.ts'
import type { OpenJob } from '../open-job.ts'
import { changeState } from '../records.ts'
import type { JobSpec } from '../spec.ts'
import { hasEnded, type JobStatus } from '../state.ts'
import type { JobTools } from '../tools.ts'
import { readProgress } from './progress.ts'

/**
 * Ends a job for a reason, if it still stands at one of `from`: one that shall be cancelled is cancelled instead, and one
 * whose output may be there already fails only where that is known not to be so.
 */
export async function failJob(
  tools: JobTools,
  { spec, state }: OpenJob,
  { code, message, cause }: JobFailure,
  from: readonly JobStatus[] = ['NotStarted', 'Running'],
): Promise<void> {
  if (!from.includes(state.status)) return
  const why = cause instanceof Error ? ` (${cause.message})` : ''
  tools.log(`job ${spec.folder}: failed: ${code}: ${message}${why}`)
  await endJob(tools, { spec, state }, from, 'Failed', { code, message })
}

/** Freezes what was counted, and cleans up when the job has ended, whoever ended it. */
export async function endJob(
  tools: JobTools,
  { spec, state }: OpenJob,
  from: readonly JobStatus[],
  to: JobStatus,
  error?: { readonly code: string; readonly message: string },
): Promise<void> {
  const progress = await readProgress(tools.store, spec, state)
  const endedAt = new Date(tools.clock.wallMs()).toISOString()
  const now = await changeState(tools.store, spec.folder, from, to, { endedAt, progress, ...(error && { error }) })
  if (now && hasEnded(now.status)) await cleanUp(tools, spec)
}

/** What only a job that has not ended needs. The entry goes last: as long as it is there, the sweeper calls this again. */
export async function cleanUp({ store }: JobTools, { folder }: JobSpec): Promise<void> {
  await store.remove(signatureBlob(folder))
  await store.remove(activeBlob(folder))
}
