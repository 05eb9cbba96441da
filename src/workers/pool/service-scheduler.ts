import type { LoadReport } from '../../models/session/load-report.ts'
import { type AdmissionLimits, findRefusal } from '../../scheduling/admission.ts'
import { holdBody } from '../../scheduling/body-memory.ts'
import { type CpuShare, CpuShares } from '../../scheduling/cpu-shares.ts'
import { maxDispatchSize } from '../../scheduling/dispatch.ts'
import { DispatchCost } from '../../scheduling/dispatch-cost.ts'
import { countBytes, type InferenceRequest, namedByCaller } from '../../scheduling/inference-request.ts'
import type { Failure, InferenceResult } from '../../scheduling/inference-result.ts'
import {
  type BatchDelay,
  type CallDeadline,
  type QueuedRequest,
  RequestQueue,
  stopping,
  timedOut,
} from '../../scheduling/request-queue.ts'
import { ScoringMetrics, type ServiceMetrics } from '../../telemetry/service-metrics.ts'
import { DispatchDelay } from './dispatch-delay.ts'
import { estimateWaitMs } from './expected-wait.ts'
import { areIdle, findFree, hasPausedCaller } from './present-workers.ts'
import { Watchdog } from './watchdog.ts'
import { type WorkerActivity, WorkerPool, type WorkerPoolOptions } from './worker-pool.ts'

export interface SchedulerOptions extends AdmissionLimits, Omit<WorkerPoolOptions, 'now' | 'isDebugged'> {
  readonly loadTimeoutMs: number
  /** Absent: a request is dispatched as soon as a worker is idle. */
  readonly batchDelay?: BatchDelay
  /** Shared with the other schedulers of the app; absent: all processors belong to this one. */
  readonly cpuShares?: CpuShares
  /** Absent: nothing reads them. */
  readonly metrics?: ServiceMetrics
  /** Milliseconds of a clock that never jumps; absent: `performance.now()`. */
  readonly now?: () => number
  /** Whether workers may be stopped at a break point, and so have no time limit; absent: never. */
  readonly isDebugged?: () => boolean
}

/** How much is queued in a scheduler, and what its workers do. */
export interface SchedulerActivity extends WorkerActivity {
  readonly queued: number
}

/** What a caller knows of its request; the scheduler adds the rest. */
type Submission = Omit<QueuedRequest, 'sequence' | 'acceptedAt' | 'queueMs' | 'crashes' | 'isSuspect'>

/**
 * Schedules one service's requests onto its worker threads: a request is dispatched when a worker is idle and the service's
 * CPU share allows it.
 */
export class ServiceScheduler {
  readonly #options: SchedulerOptions
  readonly #queue: RequestQueue
  readonly #pool: WorkerPool
  readonly #watchdog: Watchdog
  readonly #share: CpuShare
  readonly #metrics: ServiceMetrics
  readonly #now: () => number
  readonly #isDebugged: () => boolean
  readonly #cost = new DispatchCost()
  readonly #delay: DispatchDelay
  #isStopping = false
  #isDispatchScheduled = false
  #submitted = 0

  constructor(options: SchedulerOptions) {
    this.#options = options
    this.#metrics = options.metrics ?? new ScoringMetrics().ofService('')
    const now = options.now ?? (() => performance.now())
    this.#now = now
    const isDebugged = options.isDebugged ?? (() => false)
    this.#isDebugged = isDebugged
    this.#queue = new RequestQueue(this.#metrics, now)
    const dispatch = () => this.#dispatch()
    const shared = { queue: this.#queue, metrics: this.#metrics }
    const onBackgroundEnd = (ms: number) => this.#delay.rest(ms)
    this.#pool = new WorkerPool(
      { ...options, now, isDebugged },
      { ...shared, cost: this.#cost, onStart: () => this.#watchdog.start(), onFree: dispatch, onBackgroundEnd },
    )
    this.#watchdog = new Watchdog({
      ...options,
      ...shared,
      now,
      isDebugged,
      workers: this.#pool.workers,
      onWork: dispatch,
      apply: (worker, event) => this.#pool.apply(worker, event),
    })
    const cpuShares = options.cpuShares ?? new CpuShares(Number.POSITIVE_INFINITY, now)
    this.#share = cpuShares.join({
      isUrgent: () => this.#queue.isUrgent || hasPausedCaller(this.#pool.workers),
      onGranted: dispatch,
    })
    this.#delay = new DispatchDelay({
      ...options,
      queue: this.#queue,
      pool: this.#pool,
      share: this.#share,
      now,
      dispatch,
    })
  }

  /** @throws ServiceLoadError when the service cannot be loaded */
  start(): Promise<LoadReport> {
    return this.#pool.start()
  }

  /** @throws ServiceLoadError as `start` does; settles once, with the first load */
  get firstLoad(): Promise<LoadReport> {
    return this.#pool.firstLoad
  }

  /** What loading found, while the service can score. */
  get report(): LoadReport | undefined {
    return this.#pool.report
  }

  /** Why the service cannot score. */
  get failure(): string | undefined {
    return this.#pool.failure
  }

  /** Whether nothing is queued, run or streamed. */
  get isIdle(): boolean {
    return this.#queue.length === 0 && areIdle(this.#pool.workers)
  }

  /** Whether this service or another one of the app had a caller within the last second. */
  get hasCallers(): boolean {
    return this.#share.hasCallers
  }

  /** Whether workers may be stopped at a break point, so that nothing of theirs has a time limit. */
  get isDebugged(): boolean {
    return this.#isDebugged()
  }

  get activity(): SchedulerActivity {
    return { queued: this.#queue.online.length, ...this.#pool.activity }
  }

  /**
   * Tells whether a request can be queued now, before its body is read: a refusal costs next to nothing.
   *
   * @param byteCount  of its body or tensors, as far as it is known
   * @returns the refusal, or undefined
   */
  findRefusal(byteCount: number, timeLeftMs = this.#options.timeoutMs): Failure | undefined {
    return findRefusal({
      queue: this.#queue.online,
      byteCount,
      waitMs: estimateWaitMs({ queue: this.#queue.online, pool: this.#pool, cost: this.#cost, now: this.#now() }),
      timeLeftMs: Math.min(timeLeftMs, this.#options.timeoutMs),
      limits: this.#options,
    })
  }

  /**
   * Queues a request.
   *
   * @param isAbandoned  whether the caller has left; such a request is not started
   * @param callDeadline  how long the caller waits, where that is less than the limit of the service
   * @returns the result, which may be a failure; never rejects
   */
  submit(
    request: InferenceRequest,
    isAbandoned: () => boolean = () => false,
    callDeadline?: CallDeadline,
  ): Promise<InferenceResult> {
    const now = this.#now()
    this.#share.called()
    const timeoutMs = Math.min(this.#options.timeoutMs, callDeadline?.timeoutMs ?? Number.POSITIVE_INFINITY)
    const isTimed = !this.isDebugged
    const deadline = isTimed
      ? Math.min(now + this.#options.timeoutMs, (callDeadline?.since ?? now) + timeoutMs)
      : Number.POSITIVE_INFINITY
    if (this.#isStopping) return Promise.resolve(stopping())
    if (deadline <= now) {
      this.#metrics.dropped('expired', 0)
      return Promise.resolve(timedOut(timeoutMs))
    }
    const byteCount = countBytes(request)
    const refusal = this.findRefusal(byteCount, deadline - now)
    if (refusal) {
      this.#metrics.rejected(refusal.code)
      return Promise.resolve(refusal)
    }
    return new Promise(resolve => {
      const settle = callDeadline && isTimed ? this.#watchdog.expireAt(deadline, resolve) : resolve
      const named = namedByCaller(request)
      this.#enqueue({ request: named, byteCount, isBackground: false, isAbandoned, timeoutMs, deadline, settle })
    })
  }

  /**
   * Queues a request of a batch job behind all that callers wait for, for as long as that takes. It is never refused, so
   * the job bounds what it has queued. Metrics count its runs, but not its wait.
   *
   * @param isAbandoned  whether the job does not need the result any more; such a request is not started
   * @returns the result, which may be a failure; never rejects
   */
  submitInBackground(request: InferenceRequest, isAbandoned: () => boolean): Promise<InferenceResult> {
    if (this.#isStopping) return Promise.resolve(stopping())
    const { timeoutMs } = this.#options
    const deadline = Number.POSITIVE_INFINITY
    return new Promise(settle => {
      this.#enqueue({
        request,
        byteCount: countBytes(request),
        isBackground: true,
        isAbandoned,
        timeoutMs,
        deadline,
        settle,
      })
    })
  }

  #enqueue(submission: Submission): void {
    const { request, settle } = submission
    // Until it is settled, a worker may get it, and another one after that.
    const body = holdBody(request.body)
    const settleHeld: Submission['settle'] = body
      ? result => {
          body.release()
          settle(result)
        }
      : settle
    this.#queue.push({
      ...submission,
      settle: settleHeld,
      sequence: this.#submitted++,
      acceptedAt: this.#now(),
      queueMs: 0,
      crashes: 0,
      isSuspect: false,
    })
    this.#watchdog.start()
    this.#dispatchSoon()
  }

  /** Ends all workers; what is not answered by then gets SERVICE_STOPPING. */
  async stop(): Promise<void> {
    if (!this.#isStopping) this.#share.leave()
    this.#isStopping = true
    this.#delay.stop()
    this.#watchdog.stop()
    for (const queued of this.#queue.clear()) queued.settle(stopping())
    await this.#pool.stop()
  }

  /** Lets the requests that the same turn of the event loop brings share a dispatch, without a timer. */
  #dispatchSoon(): void {
    if (this.#isDispatchScheduled) return
    this.#isDispatchScheduled = true
    setImmediate(() => {
      this.#isDispatchScheduled = false
      this.#dispatch()
    })
  }

  /** Dispatches what is queued or paused to workers that are free, for as long as the CPU share allows it. */
  #dispatch(): void {
    while (!this.#isStopping) {
      const { idle, idleCount, paused } = findFree(this.#pool.workers)
      const hasQueued = this.#queue.length > 0
      const isForIdle = idle !== undefined && hasQueued && !this.#delay.mustWait()
      const worker = isForIdle ? idle : paused
      if (!worker) {
        if (hasQueued && !idle) this.#pool.grow()
        return
      }
      const cpu = this.#share.begin()
      if (!cpu) return
      const service = { isBatchable: this.#pool.isBatchable, requestMs: this.#cost.requestMs }
      const requests = isForIdle
        ? this.#queue.take({ ...service, idleCount, capacity: maxDispatchSize })
        : this.#queue.takeBeside({ ...service, idleCount: 1, capacity: worker.capacity }, this.#options.hasEntryScript)
      if (requests.length > 0 || !isForIdle) worker.dispatch(requests, cpu)
      else cpu.end(0, false)
    }
  }
}
