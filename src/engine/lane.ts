import { setTimeout as delay } from 'node:timers/promises'
import { ServiceLoadError } from '../errors.ts'
import { type RestartReason, ScoringMetrics, type ServiceMetrics } from '../telemetry/service-metrics.ts'
import { answerOfEnd, settleGuilty } from './blame.ts'
import { type LoadReport, maxHandOver, type ScoringAnswer, type ScoringRequest } from './hand-over.ts'
import { LaneWatch } from './lane-watch.ts'
import type { StartThread, ThreadEnd } from './scoring-thread.ts'
import { ThreadSlot, type ThreadState } from './thread-slot.ts'
import { failed, runsAlone, stopping, type WaitingRequest } from './waiting-request.ts'

export interface LaneOptions {
  readonly startThread: StartThread
  /** Threads of this lane, not counting those stuck in a script. */
  readonly maxThreads: number
  /** Milliseconds from arrival to answer, and longest time one run may take. */
  readonly timeoutMs: number
  readonly loadTimeoutMs: number
  /** Requests that may wait; one more is refused at once. */
  readonly maxQueued: number
  readonly maxMemoryMb: number
  /** Scripts can loop for ever or wait for something; a model's run ends by itself. */
  readonly hasEntryScript: boolean
  readonly log: (line: string) => void
  /** Absent: nobody reads them. */
  readonly metrics?: ServiceMetrics
}

/** What the threads of a lane do now, and what became of those before. */
export interface LaneActivity {
  readonly queued: number
  readonly threads: Readonly<Record<ThreadState, number>>
  readonly restarts: number
  readonly lastRestart: { readonly reason: RestartReason; readonly at: string } | undefined
}

/** Threads beyond `maxThreads` while that many are stalled, or end only when native code returns. */
const maxStuckThreads = 4
/** Work that is handed over at once where requests run one by one, so that a thread that gets free finds some. */
const handOverMs = 4
const handOverBytes = 32 * 2 ** 20
/** The host takes 10 s for all hooks. */
const longestStopMs = 5000
const restartDelayMs = { first: 500, longest: 30_000 }

/**
 * The requests of one service on their way through its threads: what waits is handed to a thread as soon as one is
 * free. A thread that crashes, hangs or outgrows its memory is replaced; the request that did it gets an error, the
 * others run again.
 */
export class Lane {
  readonly #options: LaneOptions
  readonly #waiting: WaitingRequest[] = []
  readonly #slots = new Set<ThreadSlot>()
  readonly #started = Promise.withResolvers<LoadReport>()
  readonly #watch: LaneWatch
  readonly #metrics: ServiceMetrics
  #lastRestart: LaneActivity['lastRestart']
  #report: LoadReport | undefined
  #failure: string | undefined
  #isStopping = false
  #isPumpScheduled = false
  #restartDelayMs = restartDelayMs.first
  /** Milliseconds a request takes, exponentially averaged. */
  #meanRequestMs = 1

  constructor(options: LaneOptions) {
    this.#options = options
    this.#metrics = options.metrics ?? new ScoringMetrics().ofService('')
    this.#watch = new LaneWatch({
      ...options,
      metrics: this.#metrics,
      waiting: this.#waiting,
      slots: this.#slots,
      onWork: () => this.#pump(),
      onLoadTimeout: (slot, reason) => this.#loadFailed(slot, reason),
    })
    // Whoever asks for the service reads `failure`; nobody needs to await `start`.
    this.#started.promise.catch(() => {})
  }

  /** @throws ServiceLoadError when the service cannot be loaded */
  start(): Promise<LoadReport> {
    this.#startThread()
    return this.#started.promise
  }

  /** What loading found, while the lane can score. */
  get report(): LoadReport | undefined {
    return this.#failure === undefined ? this.#report : undefined
  }

  /** Why the lane cannot score. */
  get failure(): string | undefined {
    return this.#failure
  }

  get activity(): LaneActivity {
    const threads: Record<ThreadState, number> = { loading: 0, idle: 0, busy: 0, ended: 0 }
    for (const { state } of this.#slots) threads[state]++
    const restarts = this.#metrics.restartCount
    return { queued: this.#waiting.length, threads, restarts, lastRestart: this.#lastRestart }
  }

  /**
   * @param isAbandoned  whether the caller has left; such work is not started
   * @returns the answer, which may be an error; never rejects
   */
  submit(request: ScoringRequest, isAbandoned: () => boolean = () => false): Promise<ScoringAnswer> {
    const { maxQueued, timeoutMs } = this.#options
    if (this.#isStopping) return Promise.resolve(stopping())
    if (this.#waiting.length >= maxQueued) {
      this.#metrics.rejected('QUEUE_FULL')
      return Promise.resolve(failed('QUEUE_FULL', `${maxQueued} requests are waiting already; try again later.`))
    }
    return new Promise(settle => {
      this.#waiting.push({
        request,
        acceptedAt: performance.now(),
        deadline: Date.now() + timeoutMs,
        isAbandoned,
        settle,
        queueMs: 0,
        attempts: 0,
        isSuspect: false,
      })
      this.#watch.start()
      this.#pumpSoon()
    })
  }

  /** Ends all threads; what is not answered by then gets SERVICE_STOPPING. */
  async stop(): Promise<void> {
    this.#isStopping = true
    this.#watch.stop()
    for (const waiting of this.#waiting.splice(0)) waiting.settle(stopping())
    const ends = Promise.all([...this.#slots].map(slot => slot.stop()))
    // A thread in native code ends when that returns, which nobody can hurry.
    const isStopped = await Promise.race([ends.then(() => true), delay(longestStopMs, false, { ref: false })])
    if (!isStopped)
      throw new Error(`a scoring thread did not end within ${longestStopMs} ms: native code is running in it`)
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
    while (this.#waiting.length > 0 && !this.#isStopping) {
      const idle = [...this.#slots].filter(slot => slot.state === 'idle')
      const [slot] = idle
      if (!slot) return this.#grow()
      const batch = this.#take(idle.length)
      if (batch.length > 0) slot.handOver(batch)
    }
  }

  /** The next requests for one of `idleCount` free threads; those nobody waits for any more are dropped. */
  #take(idleCount: number): WaitingRequest[] {
    const share = Math.ceil(this.#waiting.length / idleCount)
    const isBatchable = this.#report?.isBatchable ?? false
    const most = Math.min(share, maxHandOver, isBatchable ? maxHandOver : Math.max(1, handOverMs / this.#meanRequestMs))
    const batch: WaitingRequest[] = []
    let bytes = 0
    while (batch.length + 1 <= most && bytes < handOverBytes) {
      const next = this.#waiting[0]
      if (!next || (runsAlone(next) && batch.length > 0)) break
      this.#waiting.shift()
      if (next.isAbandoned()) {
        this.#metrics.dropped('abandoned', performance.now() - next.acceptedAt)
        next.settle(failed('BODY_ABORTED', 'The caller closed the connection.'))
        continue
      }
      batch.push(next)
      bytes += next.request.body.byteLength
      if (runsAlone(next)) break
    }
    return batch
  }

  /** Starts a further thread when all are busy and the lane may have one more. */
  #grow(): void {
    const slots = [...this.#slots]
    if (this.#failure !== undefined || slots.some(slot => slot.state === 'loading')) return
    const stuck = slots.filter(slot => slot.state === 'ended' || this.#watch.isStalled(slot)).length
    if (slots.length - Math.min(stuck, maxStuckThreads) < this.#options.maxThreads) this.#startThread()
  }

  #startThread(): void {
    const slot = new ThreadSlot(this.#options.startThread, this.#metrics, {
      onLoaded: (_, report) => this.#loaded(report),
      onLoadFailed: (failing, reason) => this.#loadFailed(failing, reason),
      onIdle: free => this.#idle(free),
      onEnd: (ended, end) => this.#ended(ended, end),
    })
    this.#slots.add(slot)
    this.#watch.start()
  }

  #loaded(report: LoadReport): void {
    this.#report = report
    this.#failure = undefined
    this.#restartDelayMs = restartDelayMs.first
    this.#started.resolve(report)
    this.#pump()
  }

  #loadFailed(slot: ThreadSlot, reason: string): void {
    slot.endedFor = 'load'
    this.#failure = reason
    this.#started.reject(new ServiceLoadError(reason))
    for (const waiting of this.#waiting.splice(0))
      waiting.settle(failed('SERVICE_UNAVAILABLE', 'The service could not be loaded.'))
  }

  #idle(slot: ThreadSlot): void {
    this.#meanRequestMs += 0.2 * ((slot.requestMs ?? this.#meanRequestMs) - this.#meanRequestMs)
    if (this.#slots.size > this.#options.maxThreads) slot.end('surplus')
    else this.#pump()
  }

  #ended(slot: ThreadSlot, end: ThreadEnd): void {
    const wasLoading = slot.state === 'loading'
    slot.state = 'ended'
    this.#slots.delete(slot)
    if (this.#isStopping) {
      for (const waiting of slot.unanswered()) waiting.settle(stopping())
      return
    }
    if (slot.endedFor === 'surplus') return this.#pump()
    if (!wasLoading) {
      this.#options.log(
        `a scoring thread ended (${slot.endedFor ?? end.kind}: ${end.detail}); a new one takes its place`,
      )
      this.#restarted(reasonOf(slot, end))
      const innocent = settleGuilty(slot, answerOfEnd(slot, end, this.#options))
      this.#metrics.retried(innocent.length)
      this.#waiting.unshift(...innocent)
    } else if (slot.endedFor !== 'load') {
      this.#loadFailed(slot, `its thread ended while loading: ${end.detail}`)
    }
    if (this.#failure === undefined) this.#startThread()
    // What has once been loaded may load again: a file that is being replaced, memory that was short.
    else if (this.#report) {
      if (wasLoading) this.#restarted('load')
      this.#restartLater()
    }
  }

  #restarted(reason: RestartReason): void {
    this.#metrics.threadRestarted(reason)
    this.#lastRestart = { reason, at: new Date().toISOString() }
  }

  #restartLater(): void {
    setTimeout(() => {
      if (!this.#isStopping && this.#slots.size === 0) this.#startThread()
    }, this.#restartDelayMs).unref()
    this.#restartDelayMs = Math.min(restartDelayMs.longest, this.#restartDelayMs * 2)
  }
}

function reasonOf({ endedFor }: ThreadSlot, { kind }: ThreadEnd): RestartReason {
  if (endedFor === 'timeout') return 'timeout'
  return endedFor === 'memory' || kind === 'out-of-memory' ? 'memory' : 'crash'
}
