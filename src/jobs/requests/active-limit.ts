import { ScoringError } from '../../errors.ts'
import { countActive } from '../active-jobs.ts'
import type { BlobStore } from '../blob-store.ts'

/** How a submission came. */
export type JobOrigin = 'http' | 'message' | 'watch'

interface ActiveLimitOptions {
  readonly store: BlobStore
  /** Most jobs of one service that have not ended. */
  readonly maxActiveJobs: number
}

/** The part of the active jobs that may come from messages and watched folders, so that there is room for callers beside a backlog. */
const messageShare = 1 / 4
/** For this long after a message had to wait, others of its service wait without another look. */
const fullMs = 500

/** Limits the active jobs of each service. */
export class ActiveLimit {
  readonly #options: ActiveLimitOptions
  /** Why messages of a service wait, and until when, by the clock of the storage. */
  readonly #full = new Map<string, { readonly until: number; readonly why: ScoringError }>()

  constructor(options: ActiveLimitOptions) {
    this.#options = options
  }

  /** Spares most messages that have to wait the other calls of the storage, so that those of other services soon have their turn. */
  async requireNotFull(service: string): Promise<void> {
    const full = this.#full.get(service)
    if (!full) return
    if ((await this.#options.store.now()) < full.until) throw full.why
    this.#full.delete(service)
  }

  /** @throws ScoringError TOO_MANY_JOBS */
  async requireRoom(service: string, origin: JobOrigin): Promise<void> {
    const { store, maxActiveJobs } = this.#options
    const { all, byMessages } = await countActive(store, service)
    const why = all >= maxActiveJobs ? tooMany(all, maxActiveJobs) : undefined
    if (origin === 'http') {
      if (why) throw why
      return
    }
    const most = Math.ceil(maxActiveJobs * messageShare)
    if (!why && byMessages < most) return
    const waits = why ?? tooManyByMessages(byMessages, most)
    this.#full.set(service, { until: (await store.now()) + fullMs, why: waits })
    throw waits
  }
}

function tooMany(active: number, limit: number): ScoringError {
  return tooManyJobs(`${active} jobs of this service have not ended; the limit is ${limit} (SCORING_JOB_MAX_ACTIVE).`)
}

function tooManyByMessages(active: number, limit: number): ScoringError {
  const which = 'jobs of this service that came by messages or from a watched folder'
  return tooManyJobs(`${active} ${which} have not ended; the limit is ${limit}, a quarter of SCORING_JOB_MAX_ACTIVE.`)
}

function tooManyJobs(why: string): ScoringError {
  return new ScoringError('TOO_MANY_JOBS', `${why} Try again later.`, { retryAfterSeconds: 30 })
}
