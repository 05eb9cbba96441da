import type { CpuShare } from '../../scheduling/cpu-shares.ts'
import type { BatchDelay, RequestQueue } from '../../scheduling/request-queue.ts'
import { countBackground } from './present-workers.ts'
import type { WorkerPool } from './worker-pool.ts'

interface DelayOptions {
  readonly queue: RequestQueue
  readonly pool: WorkerPool
  readonly share: CpuShare
  readonly maxThreads: number
  /** Absent: a request is dispatched as soon as a worker is idle. */
  readonly batchDelay?: BatchDelay
  /** Milliseconds of a clock that never jumps. */
  readonly now: () => number
  /** Called when a delay is over. */
  readonly dispatch: () => void
}

/** While there are callers, the only worker rests for so many times what a request of a job took. */
const restFactor = 3
/** Longest rest between two requests of jobs. */
const maxRestMs = 20

/** Decides when an idle worker waits although something is queued. */
export class DispatchDelay {
  readonly #options: DelayOptions
  #timer: NodeJS.Timeout | undefined
  /** Until then the only worker takes no request of a job while there are callers. */
  #restUntil = 0

  constructor(options: DelayOptions) {
    this.#options = options
  }

  /** A worker has run a request of a job for so long. */
  rest(ms: number): void {
    this.#restUntil = this.#options.now() + Math.min(restFactor * ms, maxRestMs)
  }

  /** Whether what is queued has to wait; if so, `dispatch` is called after that. */
  mustWait(): boolean {
    const { queue, dispatch } = this.#options
    const waitMs = queue.isUrgent ? this.#batchDelayMs() : this.#restMs()
    if (waitMs <= 0) return false
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      dispatch()
    }, Math.ceil(waitMs)).unref()
    return true
  }

  stop(): void {
    clearTimeout(this.#timer)
  }

  /** For more requests, where the service wants that: accelerators gain by every row of a run. */
  #batchDelayMs(): number {
    const { batchDelay, queue, pool } = this.#options
    return batchDelay ? queue.batchDelayMs(batchDelay, pool.isBatchable) : 0
  }

  /**
   * For callers, where jobs have work only: a caller cannot interrupt a run, and the thread that receives its request needs a
   * processor too. So while there are callers, jobs take half of the workers, or a quarter of the time of the only one.
   */
  #restMs(): number {
    const { share, pool, maxThreads, now } = this.#options
    if (!share.hasCallers) return 0
    const mostWorkers = Math.floor(maxThreads / 2)
    if (countBackground(pool.workers) >= Math.max(1, mostWorkers)) return maxRestMs // or until a worker is done
    return mostWorkers === 0 ? this.#restUntil - now() : 0
  }
}
