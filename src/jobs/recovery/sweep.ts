import { enterActive } from '../active-jobs.ts'
import { activeBlob, activeJobFolder, activePrefix, type JobFolder, jobsContainer, stateBlob } from '../layout.ts'
import { cleanUp } from '../output/end-job.ts'
import { sweepEvents } from '../output/job-event.ts'
import { ensureState, readSpec } from '../records.ts'
import { sweepDeleted } from '../removal/delete-job.ts'
import type { Retention } from '../removal/retention.ts'
import { hasEnded } from '../state.ts'
import type { JobTools } from '../tools.ts'
import { findLostWork } from './lost-work.ts'
import { chooseDue } from './sweep-memory.ts'
import { sweepUploads } from './sweep-uploads.ts'

/**
 * Re-enqueues lost messages of all jobs that have not ended, sends events that were not accepted yet, completes steps and deletions whose process died, and deletes jobs that
 * ended long ago, and files of submissions that came to nothing.
 */
export async function sweepJobs(tools: JobTools, retention: Retention): Promise<void> {
  const { store, clock, limits } = tools
  for await (const { path, modifiedAt } of store.list(jobsContainer, activePrefix)) {
    const folder = activeJobFolder(path)
    await attempt(tools, `job ${folder}`, async () =>
      sweepJob(tools, folder, { enteredAt: modifiedAt, now: await store.now() }),
    )
  }
  await attempt(tools, 'events', () => sweepEvents(tools))
  await attempt(tools, 'files of submissions', () => sweepUploads(store, limits))
  const deadline = clock.monotonicMs() + limits.budgetMs
  await attempt(tools, 'deletions', () => sweepDeleted(store, limits, () => clock.monotonicMs() >= deadline))
  await attempt(tools, 'retention', () => retention.sweep())
}

/** After a failure everything else is still swept, and this again by the next sweep. */
async function attempt({ log }: JobTools, what: string, work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (failure) {
    log(`${what}: the sweep failed: ${failure instanceof Error ? failure.message : failure}`)
  }
}

interface Entry {
  /** When the job's active entry was written. */
  readonly enteredAt: number
  readonly now: number
}

async function sweepJob(tools: JobTools, folder: JobFolder, { enteredAt, now }: Entry): Promise<void> {
  const { store, queues, limits } = tools
  const spec = await readSpec(store, folder)
  if (!spec) return now - enteredAt >= limits.orphanMs ? removeOrphan(tools, folder) : undefined
  const state = await ensureState(store, spec)
  const changedAt = (await store.head(stateBlob(folder)))?.modifiedAt
  if (!state || changedAt === undefined) return
  if (hasEnded(state.status)) return cleanUp(tools, { spec, state })
  const lost = await findLostWork(tools, { spec, state }, { changedAt, now })
  for (const { queue, message } of await chooseDue(tools, folder, { lost, now })) await queues.send(queue, message)
}

/** Removes the active entry of a submission that was never completed, or of a job whose blobs were removed. */
async function removeOrphan({ store }: JobTools, folder: JobFolder): Promise<void> {
  await store.remove(activeBlob(folder))
  // A submission writes the entry again after the spec, so one of the two sees the other.
  const spec = await readSpec(store, folder)
  if (spec) await enterActive(store, spec)
}
