import type { Clock } from '../../clock.ts'
import type { BlobStore } from '../blob-store.ts'
import type { JobFolder } from '../layout.ts'
import type { JobView } from '../output/job-view.ts'
import type { DeletedJob, StoredJob } from '../stored-job.ts'
import { beginDeletion, removeBlobs } from './delete-job.ts'

interface DeletionOptions {
  readonly store: BlobStore
  readonly clock: Pick<Clock, 'after'>
  log(line: string): void
}

/** How long a caller waits for the blobs of a job to be removed: some thousands on Azure. */
const answerMs = 5000

interface Removal {
  readonly isOver: Promise<void>
  readonly view: JobView
}

/** The deletions for callers, who do not wait for those of large jobs. What is left when the process ends is for the sweeper. */
export class Deletions {
  readonly #options: DeletionOptions
  readonly #running = new Map<JobFolder, Removal>()

  constructor(options: DeletionOptions) {
    this.#options = options
  }

  /** Whether blobs of the job are being removed, so that `wait` may be called. */
  isRunning(folder: JobFolder): boolean {
    return this.#running.has(folder)
  }

  /**
   * Deletes a job.
   *
   * @param job  has ended, and `isOfFirstVersion` is false
   * @param view  what callers see of it while its blobs are removed
   * @returns undefined when all its blobs are removed; otherwise it is gone, and they soon are
   */
  async delete(job: StoredJob | DeletedJob, view: JobView): Promise<JobView | undefined> {
    await beginDeletion(this.#options.store, job)
    if (!this.isRunning(job.folder)) this.#removeBlobs(job, view)
    return this.wait(job.folder)
  }

  /** Waits for a deletion that goes on. It makes no call of the storage, where that would wait behind the removals. @returns as `delete` */
  async wait(folder: JobFolder): Promise<JobView | undefined> {
    const removal = this.#running.get(folder)
    if (!removal) return undefined
    const { promise: isLeft, resolve } = Promise.withResolvers<JobView>()
    const cancel = this.#options.clock.after(answerMs, () => resolve(removal.view))
    return Promise.race([removal.isOver.then(() => undefined), isLeft]).finally(cancel)
  }

  #removeBlobs(job: StoredJob | DeletedJob, view: JobView): void {
    const { store, log } = this.#options
    const { folder } = job
    const isOver = removeBlobs(store, job).finally(() => this.#running.delete(folder))
    this.#running.set(folder, { isOver, view })
    isOver.catch(failure => {
      log(`job ${folder}: was deleted, and some of its blobs are removed later: ${(failure as Error).message}`)
    })
  }
}
