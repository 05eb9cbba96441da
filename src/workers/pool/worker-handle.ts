import type { CpuSlice } from '../../scheduling/cpu-shares.ts'
import { maxDispatchSize, type RunStats } from '../../scheduling/dispatch.ts'
import { discard } from '../../scheduling/inference-result.ts'
import { canRunAgain, estimateWork, type QueuedRequest, requestName } from '../../scheduling/request-queue.ts'
import type { ServiceMetrics } from '../../telemetry/service-metrics.ts'
import { type LifeEvent, next, type WorkerAction, type WorkerState } from './worker-state.ts'
import type { StartWorker, WorkerEvent, WorkerResults, WorkerThread } from './worker-thread.ts'

interface WorkerHandleOptions {
  readonly startWorker: StartWorker
  readonly metrics: ServiceMetrics
  /** Milliseconds of a clock that never jumps. */
  readonly now: () => number
  /** A request that runs for longer does not make others wait: they get a further worker. */
  readonly maxStallMs: number
  readonly onEvent: (worker: WorkerHandle, event: WorkerEvent) => void
}

/** A worker, its state, and the requests of its dispatch. */
export class WorkerHandle {
  state: WorkerState
  /** Requests of the dispatch, or of the last one; those of the dispatches that it resumes included. */
  requestCount = 0
  /** Their cost, as `estimateWork` counts it. */
  work = 0
  /** Milliseconds of their runs that have ended, by the clock of the thread. */
  runMs = 0
  /** Whether the dispatch began with a request of a batch job. */
  isBackground = false
  readonly #options: WorkerHandleOptions
  readonly #thread: WorkerThread
  #cpu: CpuSlice | undefined
  /** What the thread had computed when it got its dispatch; undefined: the processors are not shared. */
  #computedBeforeMs: number | undefined
  /** Requests by their index in the dispatch, or in what was yielded; undefined: answered or given up. */
  #requests: (QueuedRequest | undefined)[] = []
  /** The requests are held under positions in `yielded`, which say nothing to the thread, until the next dispatch. */
  #isYielded = false
  /** Names of requests that are still running although their time is up. */
  #overdue: string[] = []

  constructor(options: WorkerHandleOptions) {
    this.#options = options
    this.state = { kind: 'loading', since: options.now() }
    this.#thread = options.startWorker(event => {
      if (event.kind === 'results') this.#settle(event)
      options.onEvent(this, event)
    })
  }

  /** @returns what is to be done about the event */
  transition(event: LifeEvent): readonly WorkerAction[] {
    const { state, actions } = next(this.state, event)
    this.state = state
    return actions
  }

  /** Dispatches requests to the worker, which has to be idle or paused. Requests that it yielded are resumed, and come first. */
  dispatch(requests: readonly QueuedRequest[], cpu: CpuSlice): void {
    const at = this.#options.now()
    const resumed: number[] = []
    if (this.#isYielded) {
      const yielded = this.#requests
      for (let position = 0; position < yielded.length; position++) if (yielded[position]) resumed.push(position)
      this.#requests = this.unanswered()
    } else {
      this.#requests = []
      this.requestCount = this.work = this.runMs = 0
      this.isBackground = requests[0]?.isBackground === true
    }
    this.#isYielded = false
    this.transition({ kind: 'dispatched', at })
    this.#cpu = cpu
    this.#computedBeforeMs = cpu.isContested ? this.#thread.computedMs() : undefined
    this.#overdue = []
    const bodies = []
    for (const queued of requests) {
      this.#requests.push(queued)
      this.#count(queued, at)
      bodies.push(queued.request)
    }
    this.#thread.dispatch(bodies, resumed)
  }

  /** Gives the CPU share of the dispatch back. @param hasMore  whether the scheduler has more to dispatch */
  releaseCpu(hasMore: boolean): void {
    const cpu = this.#cpu
    if (!cpu) return
    this.#cpu = undefined
    const before = this.#computedBeforeMs
    const isUnknown = before === undefined || this.state.kind === 'ending' || this.state.kind === 'ended'
    cpu.end(isUnknown ? undefined : this.#thread.computedMs() - before, hasMore)
  }

  /** Requests that can be dispatched beside those that the worker yielded: none beside one that may crash it. */
  get capacity(): number {
    if (this.#requests.some(queued => queued?.isSuspect)) return 0
    return maxDispatchSize - this.#requests.length
  }

  terminate(): Promise<void> {
    return this.#thread.terminate()
  }

  /** How long what runs now has been running. */
  runningMs(now: number): number {
    return this.state.kind === 'busy' ? now - this.#thread.runningSince() : 0
  }

  /** Whether what runs now seems to be stuck. */
  isStalled(now: number): boolean {
    return this.runningMs(now) > this.#options.maxStallMs
  }

  get isStreaming(): boolean {
    return this.#thread.isStreaming
  }

  memoryMb(): Promise<number | undefined> {
    return this.#thread.memoryMb()
  }

  get hasUnanswered(): boolean {
    return this.#requests.some(queued => queued !== undefined)
  }

  /** Whether a caller waits for one of its requests: requests of jobs and of callers run side by side. */
  get hasCaller(): boolean {
    return this.#requests.some(queued => queued?.isBackground === false)
  }

  unanswered(): QueuedRequest[] {
    return this.#requests.filter(queued => queued !== undefined)
  }

  /** The requests that have begun and are not answered: those that it yielded as well. */
  running(): QueuedRequest[] {
    if (this.#isYielded) return this.unanswered()
    return this.#select(index => this.#thread.isRunning(index))
  }

  /** The requests that have been run, and whose results have not come. */
  answered(): QueuedRequest[] {
    return this.#select(index => this.#thread.isAnswered(index))
  }

  /** The requests that the script decodes while it leaves the thread free. */
  decoding(): QueuedRequest[] {
    return this.#select(index => this.#thread.isDecoding(index))
  }

  /** What the worker runs, as the log calls it: also requests that were answered with a timeout already. */
  get runningNames(): string[] {
    return [...this.#overdue, ...this.running().map(requestName)]
  }

  /**
   * Takes back the requests that can run on another worker: the thread has not begun them, or cannot go on with them. Those
   * that it yielded stay, because they may be why it has to end.
   */
  takeBack(): QueuedRequest[] {
    if (this.#isYielded) return []
    const isBlocked = this.running().length > 0
    return this.#remove(
      (queued, index) =>
        canRunAgain(queued) && (isBlocked || !this.#isAt(index, 'isDecoding')) && this.#takeBackOne(index),
    )
  }

  /** Takes out the requests whose time is up. The thread goes on with what it runs of them, and begins no others. */
  takeExpired(now: number): { begun: QueuedRequest[]; others: QueuedRequest[] } {
    const begun = this.#remove(({ deadline }, index) => deadline <= now && this.#isAt(index, 'isRunning'))
    const others = this.#remove(({ deadline }) => deadline <= now)
    for (const queued of begun) this.#overdue.push(requestName(queued))
    // Also of those taken out before: one that was being decoded then may be about to run by now.
    for (let index = 0; index < this.#requests.length; index++) if (!this.#requests[index]) this.#takeBackOne(index)
    return { begun, others }
  }

  /** Takes out the requests whose caller has left, unless the thread has begun them. */
  takeAbandoned(): QueuedRequest[] {
    return this.#remove((queued, index) => queued.isAbandoned() && this.#takeBackOne(index))
  }

  #isAt(index: number, stage: 'isRunning' | 'isDecoding'): boolean {
    return !this.#isYielded && this.#thread[stage](index)
  }

  #takeBackOne(index: number): boolean {
    return this.#isYielded || this.#thread.takeBack(index)
  }

  #count(queued: QueuedRequest, now: number): void {
    this.requestCount++
    this.work += estimateWork(queued)
    queued.queueMs = now - queued.acceptedAt
    if (!queued.isBackground) this.#options.metrics.waited(queued.queueMs)
  }

  #select(isOne: (index: number) => boolean): QueuedRequest[] {
    if (this.#isYielded) return []
    return this.#requests.filter((queued, index): queued is QueuedRequest => queued !== undefined && isOne(index))
  }

  #remove(isLeaving: (queued: QueuedRequest, index: number) => boolean): QueuedRequest[] {
    const removed: QueuedRequest[] = []
    for (const [index, queued] of this.#requests.entries()) {
      if (!queued || !isLeaving(queued, index)) continue
      removed.push(queued)
      this.#requests[index] = undefined
    }
    return removed
  }

  #settle(event: WorkerResults): void {
    const { indexes, results, isLast, yielded } = event
    this.#record(event)
    for (let position = 0; position < indexes.length; position++) {
      const index = indexes[position] as number
      const result = results[position] as WorkerResults['results'][number]
      const queued = this.#requests[index]
      this.#requests[index] = undefined
      if (!queued) {
        discard(result)
        continue
      }
      if (result.kind !== 'failure') {
        result.timings.queueMs = queued.queueMs
        this.#options.metrics.coded(result.timings.decodeMs, result.timings.encodeMs)
      }
      queued.settle(result)
    }
    if (!isLast) return
    this.#requests = yielded.map(index => this.#requests[index])
    this.#isYielded = yielded.length > 0
  }

  #record({ runs, bisected }: RunStats): void {
    const { metrics } = this.#options
    for (let at = 0; at < runs.length; at += 3) {
      const ms = runs[at + 2] as number
      this.runMs += ms
      metrics.ran(runs[at] as number, runs[at + 1] as number, ms)
    }
    if (bisected > 0) metrics.bisected(bisected)
  }
}
