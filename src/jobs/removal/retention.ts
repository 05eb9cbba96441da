/** Deletes jobs that ended long ago. */
import type { Clock } from '../../clock.ts'
import type { BlobStore } from '../blob-store.ts'
import {
  jobFolder,
  jobsContainer,
  listPrefix,
  messagePrefix,
  oldJobFolder,
  servicesPrefix,
  stateBlob,
} from '../layout.ts'
import type { JobLimits } from '../limits.ts'
import { readState } from '../records.ts'
import { hasEnded } from '../state.ts'
import { isDeleted, isRefused, readRecord } from '../stored-job.ts'
import { deleteJob } from './delete-job.ts'

interface RetentionOptions {
  readonly store: BlobStore
  readonly clock: Pick<Clock, 'monotonicMs'>
  readonly limits: Pick<JobLimits, 'retentionMs' | 'retentionPauseMs' | 'perSweep' | 'budgetMs'>
  log(line: string): void
}

/** Entries are written again when a job ends, so their time is that of the end, by the clock of the storage. */
export class Retention {
  readonly #options: RetentionOptions
  /** By the clock of the storage. */
  #nextAt = 0

  constructor(options: RetentionOptions) {
    this.#options = options
  }

  /** Deletes a few jobs that ended more than `retentionMs` ago. Looks again after a pause only, unless there are more. */
  async sweep(): Promise<void> {
    const { store, clock, limits, log } = this.#options
    const deadline = clock.monotonicMs() + limits.budgetMs
    const isTimeUp = () => clock.monotonicMs() >= deadline
    const now = await store.now()
    if (limits.retentionMs === Number.POSITIVE_INFINITY || now < this.#nextAt) return
    const before = now - limits.retentionMs
    let left = limits.perSweep
    for await (const { path, modifiedAt } of store.list(jobsContainer, servicesPrefix)) {
      if (modifiedAt >= before || left === 0) continue
      if (isTimeUp()) return
      if (await this.#deleteExpired(path, { before, isTimeUp })) left--
    }
    for await (const { path, modifiedAt } of store.list(jobsContainer, messagePrefix)) {
      if (modifiedAt >= before || left === 0) continue
      await store.remove({ container: jobsContainer, path })
      left--
    }
    if (left > 0) this.#nextAt = now + limits.retentionPauseMs
    if (left < limits.perSweep) log(`deleted ${limits.perSweep - left} jobs that ended long ago`)
  }

  /** @param path  of a list entry  @returns whether something was deleted */
  async #deleteExpired(
    path: string,
    { before, isTimeUp }: { readonly before: number; readonly isTimeUp: () => boolean },
  ): Promise<boolean> {
    const { store } = this.#options
    const [service = '', name = ''] = path.slice(servicesPrefix.length).split('/')
    const jobId = name.slice(name.indexOf('_') + 1)
    const record = await readRecord(store, jobFolder(service, jobId))
    // Of version 0.1.0, whose folders may also hold jobs of a service.
    if (!record && (await readRecord(store, oldJobFolder(jobId)))) return false
    if (record && !isDeleted(record) && !isRefused(record)) {
      const head = await store.head(stateBlob(record.folder))
      const state = await readState(store, record.folder)
      if (!head || !state || !hasEnded(state.status) || head.modifiedAt >= before) return false
    }
    if (record) await deleteJob(store, record, isTimeUp)
    // An entry without a job, or of an earlier one with the same id.
    await store.remove({ container: jobsContainer, path: `${listPrefix(service)}${name}` })
    return true
  }
}
