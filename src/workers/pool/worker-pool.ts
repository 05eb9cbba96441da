import { setTimeout as delay } from 'node:timers/promises'
import { ServiceLoadError } from '../../errors.ts'
import type { LoadReport } from '../../models/session/load-report.ts'
import type { DispatchCost } from '../../scheduling/dispatch-cost.ts'
import { failure } from '../../scheduling/inference-result.ts'
import { type RequestQueue, stopping } from '../../scheduling/request-queue.ts'
import type { RestartReason, ServiceMetrics } from '../../telemetry/service-metrics.ts'
import { describeCrash, failCulprit } from './culprit.ts'
import { countThreads, hasScoring, isLoading, type ThreadCounts } from './present-workers.ts'
import { WorkerHandle } from './worker-handle.ts'
import { describeEnd, describeRunaway, warnAfterMs } from './worker-lines.ts'
import type { Crash, ExceededLimit, LifeEvent, WorkerAction } from './worker-state.ts'
import type { StartWorker } from './worker-thread.ts'

/** What the workers of a service do now, and what became of those before. */
export interface WorkerActivity extends ThreadCounts {
  readonly restarts: number
  readonly lastRestart: { readonly reason: RestartReason; readonly at: string } | undefined
}

export interface WorkerPoolOptions {
  readonly startWorker: StartWorker
  /** Workers of the service, not counting those stuck in a script. */
  readonly maxThreads: number
  /** Milliseconds from arrival to result, and longest time that one run may take. */
  readonly timeoutMs: number
  readonly maxMemoryMb: number
  /** The same while it loads, when it also reads the files of its models; absent: as much as later. */
  readonly maxLoadMemoryMb?: number | undefined
  /** Scripts can loop for ever or wait for something; a model's run ends by itself. */
  readonly hasEntryScript: boolean
  readonly log: (line: string) => void
  /** Milliseconds of a clock that never jumps. */
  readonly now: () => number
  /** Whether workers may be stopped at a break point: runs then take any time, and one worker is enough to look at. */
  readonly isDebugged: () => boolean
}

interface PoolParts {
  readonly queue: RequestQueue
  readonly metrics: ServiceMetrics
  readonly cost: DispatchCost
  /** A worker begins to load. */
  readonly onStart: () => void
  /** A worker may be free for what is queued. */
  readonly onFree: () => void
  /** A worker has run a request of a batch job. */
  readonly onBackgroundEnd: (ms: number) => void
}

/** Workers beyond `maxThreads` while that many are stalled, or end only when native code returns. */
const maxStuckWorkers = 4
/** A script that has run for this long, or for a quarter of its time limit, does not make other requests wait. */
const maxStallMs = 1000
/** The host takes 10 s for all hooks. */
const maxStopMs = 5000
const restartDelayMs = { first: 500, longest: 30_000 }

/**
 * Owns the workers of one service: runs the actions that their states ask for. A worker that crashes, hangs or outgrows its
 * memory is replaced; the request that caused it gets an error, and the others are queued again.
 */
export class WorkerPool {
  readonly workers = new Set<WorkerHandle>()
  readonly #options: WorkerPoolOptions
  readonly #parts: PoolParts
  readonly #firstLoad = Promise.withResolvers<LoadReport>()
  #report: LoadReport | undefined
  #failure: string | undefined
  #lastRestart: WorkerActivity['lastRestart']
  #isStopping = false
  #restartDelayMs = restartDelayMs.first
  /** A worker ended while it loaded, and was replaced at once; none has loaded since. */
  #hasRetriedLoad = false
  /** A further worker could not be loaded, and none is tried before this time. */
  #mayGrowFrom = 0

  constructor(options: WorkerPoolOptions, parts: PoolParts) {
    this.#options = options
    this.#parts = parts
    this.#firstLoad.promise.catch(() => {}) // callers who want the service read `failure`
  }

  /** @throws ServiceLoadError when the service cannot be loaded */
  start(): Promise<LoadReport> {
    this.#startWorker()
    return this.#firstLoad.promise
  }

  /** @throws ServiceLoadError as `start` does; settles once, with the first load */
  get firstLoad(): Promise<LoadReport> {
    return this.#firstLoad.promise
  }

  /** What loading found, while the service can score. */
  get report(): LoadReport | undefined {
    return this.#failure === undefined ? this.#report : undefined
  }

  /** Rows of several requests may share a run. */
  get isBatchable(): boolean {
    return this.#report?.isBatchable ?? false
  }

  /** Why the service cannot score. */
  get failure(): string | undefined {
    return this.#failure
  }

  get activity(): WorkerActivity {
    const restarts = this.#parts.metrics.restartCount
    return { ...countThreads(this.workers), restarts, lastRestart: this.#lastRestart }
  }

  /** Ends all workers; what is not answered by then gets SERVICE_STOPPING. */
  async stop(): Promise<void> {
    this.#isStopping = true
    this.#firstLoad.reject(new ServiceLoadError('the service has ended'))
    const ends = [...this.workers].map(worker => {
      worker.transition({ kind: 'stopped', at: this.#options.now() })
      return worker.terminate()
    })
    // A thread in native code ends when that returns, which cannot be hurried.
    const isStopped = await Promise.race([Promise.all(ends).then(() => true), delay(maxStopMs, false, { ref: false })])
    if (!isStopped) throw new Error(`a scoring thread did not end within ${maxStopMs} ms: native code is running in it`)
  }

  /** Starts a further worker, if the service may have one more. */
  grow(): void {
    if (this.mayGrow()) this.#startWorker()
  }

  /** Whether no worker is loading or debugged, and there may be one more beside those that are not stuck. */
  mayGrow(): boolean {
    const now = this.#options.now()
    if (this.#failure !== undefined || now < this.#mayGrowFrom) return false
    if (hasScoring(this.workers) && this.#options.isDebugged()) return false
    let stuck = 0
    for (const worker of this.workers) {
      if (isLoading(worker)) return false
      if (worker.state.kind === 'ending' || worker.isStalled(now)) stuck++
    }
    return this.workers.size - Math.min(stuck, maxStuckWorkers) < this.#options.maxThreads
  }

  /** Applies an event to a worker, and runs the actions that follow. */
  apply(worker: WorkerHandle, event: LifeEvent): void {
    const actions = worker.transition(event)
    if (worker.state.kind === 'ended') this.workers.delete(worker)
    for (const action of actions) this.#run(action, worker)
  }

  #run(action: WorkerAction, worker: WorkerHandle): void {
    const { queue, onFree } = this.#parts
    switch (action.kind) {
      case 'announce':
        return this.#announce(action.report)
      case 'fail-load':
        return this.#failLoad(action.reason)
      case 'retry-load':
        return this.#retryLoad(action.detail)
      case 'measure':
        return this.#measure(worker, action.since)
      case 'trim':
        if (this.workers.size > this.#options.maxThreads && !worker.isStreaming)
          this.apply(worker, { kind: 'surplus', at: this.#options.now() })
        return
      case 'release':
        worker.releaseCpu(queue.length > 0 || worker.state.kind === 'paused')
        return onFree()
      case 'take-back':
        return queue.putBack(worker.takeBack())
      case 'terminate':
        void worker.terminate()
        return
      case 'warn':
        return this.#warnLater(worker, action.limit)
      case 'recover':
        return this.#recover(worker, action.crash)
      case 'replace':
        return this.#replace(action.wasLoading)
      case 'abort':
        for (const queued of worker.unanswered()) queued.settle(stopping())
    }
  }

  #startWorker(): void {
    const { startWorker, timeoutMs, hasEntryScript, now } = this.#options
    const worker = new WorkerHandle({
      startWorker,
      metrics: this.#parts.metrics,
      now,
      maxStallMs: hasEntryScript ? Math.min(maxStallMs, timeoutMs / 4) : Number.POSITIVE_INFINITY,
      onEvent: (handle, event) => this.apply(handle, event),
    })
    this.workers.add(worker)
    this.#parts.onStart()
  }

  #announce(report: LoadReport): void {
    this.#report = report
    this.#failure = undefined
    this.#restartDelayMs = restartDelayMs.first
    this.#hasRetriedLoad = false
    this.#firstLoad.resolve(report)
  }

  /** Without another worker, the service cannot score until one has loaded it. */
  #failLoad(reason: string): void {
    const { log, now } = this.#options
    if (hasScoring(this.workers)) {
      log(`a further scoring thread could not be loaded: ${reason}`)
      this.#mayGrowFrom = now() + this.#takeRestartDelayMs()
      return
    }
    if (this.#report) log(`the service could not be loaded again: ${reason}`)
    this.#failure = reason
    this.#firstLoad.reject(new ServiceLoadError(reason))
    for (const queued of this.#parts.queue.clear())
      queued.settle(failure('SERVICE_UNAVAILABLE', 'The service could not be loaded.'))
  }

  /**
   * Where no other worker scores, and the service has loaded before, the first thread that ends while it loads says little of
   * the next one: what is queued waits for that.
   */
  #retryLoad(detail: string): void {
    if (this.#report && !this.#hasRetriedLoad && !hasScoring(this.workers)) this.#hasRetriedLoad = true
    else this.#failLoad(`its thread ended while loading: ${detail}`)
  }

  #measure({ isBackground, requestCount, work, runMs }: WorkerHandle, since: number): void {
    const ms = this.#options.now() - since
    if (isBackground) this.#parts.onBackgroundEnd(ms)
    else if (!this.#options.isDebugged()) this.#parts.cost.observe({ requestCount, work, ms, runMs })
  }

  /** A script ends at once; the operator has to know that native code goes on. */
  #warnLater(worker: WorkerHandle, limit: ExceededLimit): void {
    const line = describeRunaway(worker, limit)
    setTimeout(() => {
      if (this.workers.has(worker)) this.#options.log(line)
    }, warnAfterMs).unref()
  }

  #recover(worker: WorkerHandle, crash: Crash): void {
    const { log, now, hasEntryScript } = this.#options
    log(describeEnd(worker, crash, now()))
    this.#countRestart(crash.cause)
    const result = describeCrash(crash, this.#options)
    const retried = failCulprit(worker, crash, { result, hasEntryScript })
    this.#parts.metrics.retried(retried.length)
    this.#parts.queue.putBack(retried)
  }

  #replace(wasLoading: boolean): void {
    if (wasLoading && this.#report) this.#countRestart('load')
    // What has loaded before may load again: a file was being replaced, or memory was short.
    if (this.#failure !== undefined) {
      if (this.#report) this.#startWorkerLater()
    }
    // Beside workers that score, queued work starts the next one.
    else if (!(wasLoading && hasScoring(this.workers))) this.#startWorker()
  }

  #countRestart(reason: RestartReason): void {
    this.#parts.metrics.threadRestarted(reason)
    this.#lastRestart = { reason, at: new Date().toISOString() }
  }

  #startWorkerLater(): void {
    setTimeout(() => {
      if (!this.#isStopping && !hasScoring(this.workers)) this.#startWorker()
    }, this.#takeRestartDelayMs()).unref()
  }

  /** Twice as long each time, until a worker loads. */
  #takeRestartDelayMs(): number {
    const delayMs = this.#restartDelayMs
    this.#restartDelayMs = Math.min(restartDelayMs.longest, delayMs * 2)
    return delayMs
  }
}
