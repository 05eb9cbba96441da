import type { Clock } from '../../clock.ts'
import type { BlobStore } from '../blob-store.ts'
import type { JobFolder } from '../layout.ts'
import type { DeletedJob, StoredJob } from '../stored-job.ts'
import { beginDeletion, removeBlobs } from './delete-job.ts'

interface DeletionOptions {
  readonly store: BlobStore
  readonly clock: Pick<Clock, 'after'>
  log(line: string): void
}

/** How long a caller waits for the blobs of a job to be removed: some thousands on Azure. */
const answerMs = 5000

/** The deletions for callers, who do not wait for those of large jobs. What is left when the process ends is for the sweeper. */
export class Deletions {
  readonly #options: DeletionOptions
  readonly #running = new Map<JobFolder, Promise<void>>()

  constructor(options: DeletionOptions) {
    this.#options = options
  }

  /**
   * Deletes a job. It may be repeated, and then waits for the same deletion.
   *
   * @param job  has ended, and `isOfFirstVersion` is false
   * @returns whether all its blobs are removed; otherwise it is gone, and they soon are
   */
  async delete(job: StoredJob | DeletedJob): Promise<boolean> {
    const { store, clock } = this.#options
    if (!this.#running.has(job.folder)) await beginDeletion(store, job)
    const isRemoved = (this.#running.get(job.folder) ?? this.#removeBlobs(job)).then(() => true)
    const { promise: isLeft, resolve } = Promise.withResolvers<false>()
    const cancel = clock.after(answerMs, () => resolve(false))
    return Promise.race([isRemoved, isLeft]).finally(cancel)
  }

  #removeBlobs(job: StoredJob | DeletedJob): Promise<void> {
    const { store, log } = this.#options
    const { folder } = job
    const removal = removeBlobs(store, job).finally(() => this.#running.delete(folder))
    this.#running.set(folder, removal)
    removal.catch(failure => {
      log(`job ${folder}: was deleted, and some of its blobs are removed later: ${(failure as Error).message}`)
    })
    return removal
  }
}
