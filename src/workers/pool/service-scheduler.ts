import type { LoadReport } from '../../models/session/load-report.ts'
import { type AdmissionLimits, refusalOf } from '../../scheduling/admission.ts'
import { RunPermits, type RunShare } from '../../scheduling/cpu-shares.ts'
import { maxDispatchSize } from '../../scheduling/dispatch.ts'
import { DispatchCost } from '../../scheduling/dispatch-cost.ts'
import { countBytes, type InferenceRequest } from '../../scheduling/inference-request.ts'
import type { Failure, InferenceResult } from '../../scheduling/inference-result.ts'
import {
  type CallDeadline,
  type Company,
  RequestQueue,
  stopping,
  type Taker,
  timedOut,
  type WaitingRequest,
} from '../../scheduling/request-queue.ts'
import { ScoringMetrics, type ServiceMetrics } from '../../telemetry/service-metrics.ts'
import { Watchdog } from './watchdog.ts'
import type { WorkerHandle } from './worker-handle.ts'
import { type ThreadActivity, WorkerPool, type WorkerPoolOptions } from './worker-pool.ts'

export interface SchedulerOptions extends AdmissionLimits, Omit<WorkerPoolOptions, 'now'> {
  readonly loadTimeoutMs: number
  /** Absent: whatever waits goes to a thread that is free at once. */
  readonly company?: Company
  /** Shared with the other schedulers of the app; absent: it has the processors for itself. */
  readonly permits?: RunPermits
  /** Absent: nobody reads them. */
  readonly metrics?: ServiceMetrics
  /** Milliseconds of a clock that never jumps; absent: `performance.now()`. */
  readonly now?: () => number
}

/** What waits in a scheduler, and what its threads do. */
export interface SchedulerActivity extends ThreadActivity {
  readonly queued: number
}

/**
 * The requests of one service on their way through its threads: what waits is handed to a thread as soon as one is
 * free, and the processors are not all taken by schedulers that have used less of them.
 */
export class ServiceScheduler {
  readonly #options: SchedulerOptions
  readonly #queue: RequestQueue
  readonly #threads: WorkerPool
  readonly #watch: Watchdog
  readonly #share: RunShare
  readonly #metrics: ServiceMetrics
  readonly #now: () => number
  readonly #cost = new DispatchCost()
  #isStopping = false
  #isPumpScheduled = false
  #companyTimer: NodeJS.Timeout | undefined
  #submitted = 0

  constructor(options: SchedulerOptions) {
    this.#options = options
    this.#metrics = options.metrics ?? new ScoringMetrics().ofService('')
    const now = options.now ?? (() => performance.now())
    this.#now = now
    this.#queue = new RequestQueue(this.#metrics, now)
    this.#threads = new WorkerPool({ ...options, now }, this.#queue, this.#metrics, {
      onStart: () => this.#watch.start(),
      onFree: () => this.#pump(),
      onIdle: worker => this.#idle(worker),
    })
    const permits = options.permits ?? new RunPermits(Number.POSITIVE_INFINITY, now)
    this.#share = permits.join({ isUrgent: () => this.#isUrgent, onTurn: () => this.#pump() })
    this.#watch = new Watchdog({
      ...options,
      now,
      metrics: this.#metrics,
      queue: this.#queue,
      workers: this.#threads.workers,
      onWork: () => this.#pump(),
      onGivenUp: worker => this.#threads.givenUp(worker),
      onLoadTimeout: (worker, reason) => this.#threads.loadFailed(worker, reason),
    })
  }

  /** @throws ServiceLoadError when the service cannot be loaded */
  start(): Promise<LoadReport> {
    return this.#threads.start()
  }

  /** @throws ServiceLoadError as `start` does; settles once, with the first load */
  get firstLoad(): Promise<LoadReport> {
    return this.#threads.firstLoad
  }

  /** What loading found, while the scheduler can score. */
  get report(): LoadReport | undefined {
    return this.#threads.report
  }

  /** Why the scheduler cannot score. */
  get failure(): string | undefined {
    return this.#threads.failure
  }

  get activity(): SchedulerActivity {
    return { queued: this.#queue.online.length, ...this.#threads.activity }
  }

  /**
   * Whether a request can join the queue now. To be asked before its body is read: a refusal must cost next to nothing.
   *
   * @param bytes  of its body, as far as they are known
   * @returns the refusal, or undefined
   */
  refusalOf(bytes: number, timeLeftMs = this.#options.timeoutMs): Failure | undefined {
    const longestMs = Math.min(timeLeftMs, this.#options.timeoutMs)
    return refusalOf(this.#queue.online, bytes, this.#expectedWaitMs(), longestMs, this.#options)
  }

  /**
   * @param isAbandoned  whether the caller has left; such work is not started
   * @param patience  how long the caller waits, where that is less than the limit of the service
   * @returns the answer, which may be an error; never rejects
   */
  submit(
    request: InferenceRequest,
    isAbandoned: () => boolean = () => false,
    patience?: CallDeadline,
  ): Promise<InferenceResult> {
    const now = this.#now()
    const timeoutMs = Math.min(this.#options.timeoutMs, patience?.timeoutMs ?? Number.POSITIVE_INFINITY)
    const deadline = Math.min(now + this.#options.timeoutMs, (patience?.since ?? now) + timeoutMs)
    if (this.#isStopping) return Promise.resolve(stopping())
    if (deadline <= now) {
      this.#metrics.dropped('expired', 0)
      return Promise.resolve(timedOut(timeoutMs))
    }
    const refusal = this.refusalOf(countBytes(request), deadline - now)
    if (refusal) {
      this.#metrics.rejected(refusal.code)
      return Promise.resolve(refusal)
    }
    return new Promise(resolve => {
      const settle = patience ? this.#watch.expireAt(deadline, resolve) : resolve
      this.#accept(request, isAbandoned, settle, timeoutMs, deadline, false)
    })
  }

  /**
   * For batch jobs: waits behind all that is submitted otherwise, for as long as that takes, and is never refused for want
   * of room. Whoever calls this bounds what it has under way. Nothing counts it as queued, waiting or dropped; its runs
   * count as those of others do.
   *
   * @param isAbandoned  whether nobody wants the answer any more; such work is not started
   * @returns the answer, which may be an error; never rejects
   */
  submitInBackground(request: InferenceRequest, isAbandoned: () => boolean): Promise<InferenceResult> {
    if (this.#isStopping) return Promise.resolve(stopping())
    const { timeoutMs } = this.#options
    return new Promise(settle => {
      this.#accept(request, isAbandoned, settle, timeoutMs, Number.POSITIVE_INFINITY, true)
    })
  }

  #accept(
    request: InferenceRequest,
    isAbandoned: () => boolean,
    settle: WaitingRequest['settle'],
    timeoutMs: number,
    deadline: number,
    isBackground: boolean,
  ): void {
    this.#queue.push({
      request,
      order: this.#submitted++,
      acceptedAt: this.#now(),
      isBackground,
      deadline,
      timeoutMs,
      isAbandoned,
      settle,
      queueMs: 0,
      attempts: 0,
      isSuspect: false,
    })
    this.#watch.start()
    this.#pumpSoon()
  }

  /** Ends all threads; what is not answered by then gets SERVICE_STOPPING. */
  async stop(): Promise<void> {
    this.#isStopping = true
    clearTimeout(this.#companyTimer)
    this.#watch.stop()
    for (const waiting of this.#queue.clear()) waiting.settle(stopping())
    await this.#threads.stop()
  }

  /** Lets the requests that the same turn of the event loop brings join, without a timer. */
  #pumpSoon(): void {
    if (this.#isPumpScheduled) return
    this.#isPumpScheduled = true
    setImmediate(() => {
      this.#isPumpScheduled = false
      this.#pump()
    })
  }

  #pump(): void {
    while (!this.#isStopping) {
      const { idle, idleCount, paused } = this.#threads.free
      const isIdleWanted = this.#queue.length > 0 && idle !== undefined && !this.#waitsForCompany()
      const worker = isIdleWanted ? idle : paused
      if (!worker) {
        if (this.#queue.length > 0 && !idle) this.#threads.grow()
        return
      }
      const permit = this.#share.begin()
      if (!permit) return
      const batch = isIdleWanted
        ? this.#queue.take(this.#taker(idleCount, maxDispatchSize))
        : this.#queue.takeBeside(this.#taker(1, worker.capacity), this.#options.hasEntryScript)
      if (batch.length > 0 || !isIdleWanted) worker.dispatch(batch, permit)
      else permit.end(0, false)
    }
  }

  /** Callers wait for what would run next. */
  get #isUrgent(): boolean {
    return this.#queue.isUrgent || this.#threads.hasPausedCaller
  }

  /** A free thread waits, where the owner of the service wants that: runs on accelerators gain by every row. */
  #waitsForCompany(): boolean {
    const { company } = this.#options
    const waitMs = company ? this.#queue.waitForCompanyMs(company, this.#threads.isBatchable) : 0
    if (waitMs === 0) return false
    this.#companyTimer ??= setTimeout(() => {
      this.#companyTimer = undefined
      this.#pump()
    }, Math.ceil(waitMs)).unref()
    return true
  }

  #taker(idleCount: number, room: number): Taker {
    return { idleCount, room, isBatchable: this.#threads.isBatchable, requestMs: this.#cost.requestMs }
  }

  /** Milliseconds that a request which joins the queue now will wait for a thread, as the last dispatches let expect. */
  #expectedWaitMs(): number {
    const now = this.#now()
    const isBatchable = this.#threads.isBatchable
    let ms = this.#cost.estimateMs(this.#queue.online.dispatches, this.#queue.online.work, isBatchable)
    let busy = 0
    let free = this.#threads.mayGrow() ? 1 : 0
    for (const worker of this.#threads.workers) {
      if (worker.state === 'idle' || worker.state === 'loading') free++
      if ((worker.state !== 'busy' && worker.state !== 'paused') || this.#threads.isStalled(worker, now)) continue
      busy++
      // A job's requests are no measure of others; a request that is resumed lets others run beside it.
      if (worker.state === 'busy' && !worker.isResumed && !worker.isBackground)
        ms += Math.max(0, this.#cost.estimateMs(1, worker.work, isBatchable) - (now - worker.since))
    }
    // Whatever keeps the others, a free one takes it.
    return this.#queue.online.length < free ? 0 : ms / Math.max(1, busy + free)
  }

  #idle(worker: WorkerHandle): void {
    if (worker.state === 'paused') {
      worker.endTurn(true)
      return this.#pump()
    }
    if (!worker.isBackground)
      this.#cost.observe(worker.requestCount, worker.work, this.#now() - worker.since, worker.runMs)
    const isSurplus = this.#threads.hasSurplus && !worker.isStreaming
    if (isSurplus) worker.end('surplus')
    worker.endTurn(this.#queue.length > 0)
    if (!isSurplus) this.#pump()
  }
}
