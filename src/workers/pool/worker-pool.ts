import { setTimeout as delay } from 'node:timers/promises'
import { ServiceLoadError } from '../../errors.ts'
import type { LoadReport } from '../../models/session/load-report.ts'
import { failure } from '../../scheduling/inference-result.ts'
import type { RequestQueue } from '../../scheduling/request-queue.ts'
import { stopping } from '../../scheduling/request-queue.ts'
import type { RestartReason, ServiceMetrics } from '../../telemetry/service-metrics.ts'
import { answerOfEnd, settleGuilty } from './culprit.ts'
import { isStalled, WorkerHandle } from './worker-handle.ts'
import type { StartThread, ThreadEnd } from './worker-thread.ts'

export interface WorkerPoolOptions {
  readonly startThread: StartThread
  /** Threads of this scheduler, not counting those stuck in a script. */
  readonly maxThreads: number
  /** Milliseconds from arrival to answer, and longest time one run may take. */
  readonly timeoutMs: number
  readonly maxMemoryMb: number
  /** Scripts can loop for ever or wait for something; a model's run ends by itself. */
  readonly hasEntryScript: boolean
  readonly log: (line: string) => void
  /** Milliseconds of a clock that never jumps. */
  readonly now: () => number
}

/** What the scheduler hears of its threads. */
export interface WorkerPoolEvents {
  /** A thread begins to load. */
  onStart(): void
  /** A thread may be free for what waits. */
  onFree(): void
  /** This one has done its dispatch. */
  onIdle(worker: WorkerHandle): void
}

/** What the threads of a scheduler do now, and what became of those before. */
export interface ThreadActivity {
  readonly threads: Readonly<Record<'loading' | 'idle' | 'busy' | 'ended', number>>
  /** Threads among those ended that go on with a run whose request has its error: nothing can stop native code. */
  readonly runsGivenUp: number
  readonly restarts: number
  readonly lastRestart: { readonly reason: RestartReason; readonly at: string } | undefined
}

/** Threads beyond `maxThreads` while that many are stalled, or end only when native code returns. */
const maxStuckThreads = 4
/** The host takes 10 s for all hooks. */
const longestStopMs = 5000
/** A run that has not come to its end so long after it was given up is native code. */
const toldAfterMs = 1000
/** Requests that one line of the log names. */
const mostNamed = 8
const restartDelayMs = { first: 500, longest: 30_000 }

/**
 * The threads of one service. One that crashes, hangs or outgrows its memory is replaced; the request that did it gets an
 * error, the others go back to where they waited.
 */
export class WorkerPool {
  readonly workers = new Set<WorkerHandle>()
  readonly #options: WorkerPoolOptions
  readonly #events: WorkerPoolEvents
  readonly #queue: RequestQueue
  readonly #metrics: ServiceMetrics
  readonly #started = Promise.withResolvers<LoadReport>()
  #report: LoadReport | undefined
  #failure: string | undefined
  #lastRestart: ThreadActivity['lastRestart']
  #isStopping = false
  #restartDelayMs = restartDelayMs.first
  /** A thread ended while it loaded, and none has loaded since. */
  #hasEndedLoading = false
  /** By the clock of the scheduler: a further thread could not be loaded, and is not tried again before. */
  #growsFrom = 0

  constructor(options: WorkerPoolOptions, queue: RequestQueue, metrics: ServiceMetrics, events: WorkerPoolEvents) {
    this.#options = options
    this.#queue = queue
    this.#metrics = metrics
    this.#events = events
    // Whoever asks for the service reads `failure`; nobody needs to await `start`.
    this.#started.promise.catch(() => {})
  }

  /** @throws ServiceLoadError when the service cannot be loaded */
  start(): Promise<LoadReport> {
    this.#startThread()
    return this.#started.promise
  }

  /** @throws ServiceLoadError as `start` does; settles once, with the first load */
  get firstLoad(): Promise<LoadReport> {
    return this.#started.promise
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

  get activity(): ThreadActivity {
    const threads = { loading: 0, idle: 0, busy: 0, ended: 0 }
    let runsGivenUp = 0
    for (const { state, givenUpAt } of this.workers) {
      threads[state === 'paused' ? 'busy' : state]++
      if (givenUpAt !== undefined) runsGivenUp++
    }
    return { threads, runsGivenUp, restarts: this.#metrics.restartCount, lastRestart: this.#lastRestart }
  }

  /** Workers that can take a dispatch: an idle one, and one that holds requests which it yielded. */
  get free(): { idle: WorkerHandle | undefined; idleCount: number; paused: WorkerHandle | undefined } {
    let idle: WorkerHandle | undefined
    let idleCount = 0
    let paused: WorkerHandle | undefined
    for (const worker of this.workers) {
      if (worker.state === 'paused') paused ??= worker
      if (worker.state !== 'idle') continue
      idleCount++
      // What goes wrong with a request may end its thread, and what streams out of that.
      if (!idle || (idle.isStreaming && !worker.isStreaming)) idle = worker
    }
    return { idle, idleCount, paused }
  }

  get hasPausedCaller(): boolean {
    for (const worker of this.workers) if (worker.state === 'paused' && !worker.isBackground) return true
    return false
  }

  /** There are more than there may be, as one was stuck for a while. */
  get hasSurplus(): boolean {
    return this.workers.size > this.#options.maxThreads
  }

  isStalled(worker: WorkerHandle, now = this.#options.now()): boolean {
    return isStalled(worker, now, this.#options)
  }

  /** Ends all threads; what is not answered by then gets SERVICE_STOPPING. */
  async stop(): Promise<void> {
    this.#isStopping = true
    const ends = Promise.all([...this.workers].map(worker => worker.stop()))
    // A thread in native code ends when that returns, which nobody can hurry.
    const isStopped = await Promise.race([ends.then(() => true), delay(longestStopMs, false, { ref: false })])
    if (!isStopped)
      throw new Error(`a scoring thread did not end within ${longestStopMs} ms: native code is running in it`)
  }

  /** Starts a further thread, if the scheduler may have one more. */
  grow(): void {
    if (this.mayGrow()) this.#startThread()
  }

  /** No thread is loading, and there may be one more beside those that are not stuck. */
  mayGrow(): boolean {
    if (this.#failure !== undefined || this.#options.now() < this.#growsFrom) return false
    let stuck = 0
    for (const worker of this.workers) {
      if (worker.state === 'loading') return false
      if (worker.state === 'ended' || this.isStalled(worker)) stuck++
    }
    return this.workers.size - Math.min(stuck, maxStuckThreads) < this.#options.maxThreads
  }

  #startThread(): void {
    const { startThread, now } = this.#options
    const worker = new WorkerHandle(startThread, this.#metrics, now, {
      onLoaded: (_, report) => this.#loaded(report),
      onLoadFailed: (failing, reason) => this.loadFailed(failing, reason),
      onIdle: worker => this.#events.onIdle(worker),
      onEnd: (ended, end) => {
        this.#ended(ended, end)
        ended.endTurn(this.#queue.length > 0) // last, so that what came back from it is first in line
      },
    })
    this.workers.add(worker)
    this.#events.onStart()
  }

  #loaded(report: LoadReport): void {
    this.#report = report
    this.#failure = undefined
    this.#restartDelayMs = restartDelayMs.first
    this.#hasEndedLoading = false
    this.#started.resolve(report)
    this.#events.onFree()
  }

  /** What it runs exceeds a limit. A script ends at once; of native code the operator has to know that it goes on. */
  givenUp(worker: WorkerHandle): void {
    const what = named(worker.runningNames)
    setTimeout(() => {
      if (!this.workers.has(worker)) return
      this.#options.log(
        `a run exceeded its limit (${worker.endedFor}) and goes on computing: native code cannot be stopped, and takes a processor until it returns${what}`,
      )
    }, toldAfterMs).unref()
  }

  /** Where there is no other thread, the service cannot score until one has loaded it again. */
  loadFailed(worker: WorkerHandle, reason: string): void {
    worker.endedFor = 'load'
    if (this.#hasThreads(worker)) {
      this.#options.log(`a further scoring thread could not be loaded: ${reason}`)
      this.#growsFrom = this.#options.now() + this.#takeRestartDelayMs()
      return
    }
    if (this.#report) this.#options.log(`the service could not be loaded again: ${reason}`)
    this.#failure = reason
    this.#started.reject(new ServiceLoadError(reason))
    for (const waiting of this.#queue.clear())
      waiting.settle(failure('SERVICE_UNAVAILABLE', 'The service could not be loaded.'))
  }

  /** Threads that score or may soon, besides `worker`. */
  #hasThreads(worker?: WorkerHandle): boolean {
    return [...this.workers].some(other => other !== worker && other.state !== 'ended' && other.endedFor === undefined)
  }

  #ended(worker: WorkerHandle, end: ThreadEnd): void {
    const wasLoading = worker.state === 'loading'
    worker.state = 'ended'
    this.workers.delete(worker)
    if (this.#isStopping) {
      for (const waiting of worker.unanswered()) waiting.settle(stopping())
      return
    }
    if (worker.endedFor === 'surplus') return this.#events.onFree()
    if (!wasLoading) {
      this.#options.log(lineOfEnd(worker, end, this.#options.now()))
      this.#restarted(reasonOf(worker, end))
      const { hasEntryScript } = this.#options
      const innocent = settleGuilty(worker, { answer: answerOfEnd(worker, end, this.#options), hasEntryScript })
      this.#metrics.retried(innocent.length)
      this.#queue.putBack(innocent)
    } else if (worker.endedFor !== 'load' && !this.#mayLoadAtOnce()) {
      this.loadFailed(worker, `its thread ended while loading: ${end.detail}`)
    }
    if (wasLoading && this.#report) this.#restarted('load')
    // What has once been loaded may load again: a file that is being replaced, memory that was short.
    if (this.#failure !== undefined && this.#report) this.#restartLater()
    // Where others score, work that waits starts the next one.
    else if (this.#failure === undefined && !(wasLoading && this.#hasThreads())) this.#startThread()
    this.#events.onFree() // another thread may be free for what came back
  }

  /**
   * Where no other thread scores, and the service has loaded before: the first end of a thread that loads says little of
   * the next one, so what waits goes on waiting, for that one.
   */
  #mayLoadAtOnce(): boolean {
    if (!this.#report || this.#hasEndedLoading || this.#hasThreads()) return false
    this.#hasEndedLoading = true
    return true
  }

  #restarted(reason: RestartReason): void {
    this.#metrics.threadRestarted(reason)
    this.#lastRestart = { reason, at: new Date().toISOString() }
  }

  #restartLater(): void {
    setTimeout(() => {
      if (!this.#isStopping && !this.#hasThreads()) this.#startThread()
    }, this.#takeRestartDelayMs()).unref()
  }

  /** Twice as long each time, until a thread loads. */
  #takeRestartDelayMs(): number {
    const delayMs = this.#restartDelayMs
    this.#restartDelayMs = Math.min(restartDelayMs.longest, delayMs * 2)
    return delayMs
  }
}

function lineOfEnd(worker: WorkerHandle, { kind, detail }: ThreadEnd, now: number): string {
  const { endedFor, givenUpAt } = worker
  const goneOnMs = givenUpAt === undefined ? 0 : now - givenUpAt
  const goneOn = goneOnMs < toldAfterMs ? '' : `, ${Math.round(goneOnMs / 1000)} s after it was given up`
  return `a scoring thread ended (${endedFor ?? kind}: ${detail})${goneOn}; a new one takes its place${named(worker.runningNames)}`
}

/** The requests that a thread was running, of which one has probably done it. */
function named(requests: readonly string[]): string {
  if (requests.length === 0) return ''
  const shown = requests.slice(0, mostNamed).join(', ')
  const more = requests.length > mostNamed ? ` and ${requests.length - mostNamed} more` : ''
  return `; running: request${requests.length > 1 ? 's' : ''} ${shown}${more}`
}

function reasonOf({ endedFor }: WorkerHandle, { kind }: ThreadEnd): RestartReason {
  if (endedFor === 'timeout') return 'timeout'
  return endedFor === 'memory' || kind === 'out-of-memory' ? 'memory' : 'crash'
}
