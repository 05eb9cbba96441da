import { setTimeout as delay } from 'node:timers/promises'
import { ServiceLoadError } from '../errors.ts'
import { type RestartReason, ScoringMetrics, type ServiceMetrics } from '../telemetry/service-metrics.ts'
import { type AdmissionLimits, refusalOf } from './admission.ts'
import { answerOfEnd, settleGuilty } from './blame.ts'
import {
  type FailedAnswer,
  type LoadReport,
  maxHandOver,
  type ScoringAnswer,
  type ScoringRequest,
} from './hand-over.ts'
import { HandOverCost } from './hand-over-cost.ts'
import { LaneQueue, type Taker } from './lane-queue.ts'
import { LaneWatch } from './lane-watch.ts'
import { RunPermits, type RunShare } from './run-permits.ts'
import type { StartThread, ThreadEnd } from './scoring-thread.ts'
import { ThreadSlot, type ThreadState } from './thread-slot.ts'
import { failed, type Patience, stopping, timedOut, type WaitingRequest } from './waiting-request.ts'

export interface LaneOptions extends AdmissionLimits {
  readonly startThread: StartThread
  /** Threads of this lane, not counting those stuck in a script. */
  readonly maxThreads: number
  /** Milliseconds from arrival to answer, and longest time one run may take. */
  readonly timeoutMs: number
  readonly loadTimeoutMs: number
  readonly maxMemoryMb: number
  /** Scripts can loop for ever or wait for something; a model's run ends by itself. */
  readonly hasEntryScript: boolean
  /** Shared with the other lanes of the app; absent: it has the processors for itself. */
  readonly permits?: RunPermits
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
  readonly #queue: LaneQueue
  readonly #slots = new Set<ThreadSlot>()
  readonly #started = Promise.withResolvers<LoadReport>()
  readonly #watch: LaneWatch
  readonly #share: RunShare
  readonly #metrics: ServiceMetrics
  #lastRestart: LaneActivity['lastRestart']
  #report: LoadReport | undefined
  #failure: string | undefined
  #isStopping = false
  #isPumpScheduled = false
  #restartDelayMs = restartDelayMs.first
  readonly #cost = new HandOverCost()
  #submitted = 0

  constructor(options: LaneOptions) {
    this.#options = options
    this.#metrics = options.metrics ?? new ScoringMetrics().ofService('')
    this.#queue = new LaneQueue(this.#metrics)
    const permits = options.permits ?? new RunPermits(Number.POSITIVE_INFINITY, () => performance.now())
    this.#share = permits.join({ isUrgent: () => this.#queue.isUrgent, onTurn: () => this.#pump() })
    this.#watch = new LaneWatch({
      ...options,
      metrics: this.#metrics,
      queue: this.#queue,
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
    return { queued: this.#queue.online.length, threads, restarts, lastRestart: this.#lastRestart }
  }

  /**
   * Whether a request can join the queue now. To be asked before its body is read: a refusal must cost next to nothing.
   *
   * @param bytes  of its body, as far as they are known
   * @returns the refusal, or undefined
   */
  refusalOf(bytes: number, timeLeftMs = this.#options.timeoutMs): FailedAnswer | undefined {
    const longestMs = Math.min(timeLeftMs, this.#options.timeoutMs)
    return refusalOf(this.#queue.online, bytes, this.#expectedWaitMs(), longestMs, this.#options)
  }

  /**
   * @param isAbandoned  whether the caller has left; such work is not started
   * @param patience  how long the caller waits, where that is less than the limit of the service
   * @returns the answer, which may be an error; never rejects
   */
  submit(
    request: ScoringRequest,
    isAbandoned: () => boolean = () => false,
    patience?: Patience,
  ): Promise<ScoringAnswer> {
    const now = Date.now()
    const timeoutMs = Math.min(this.#options.timeoutMs, patience?.timeoutMs ?? Number.POSITIVE_INFINITY)
    const deadline = Math.min(now + this.#options.timeoutMs, (patience?.since ?? now) + timeoutMs)
    if (this.#isStopping) return Promise.resolve(stopping())
    if (deadline <= now) {
      this.#metrics.dropped('expired', 0)
      return Promise.resolve(timedOut(timeoutMs))
    }
    const refusal = this.refusalOf(request.body.byteLength, deadline - now)
    if (refusal) {
      this.#metrics.rejected(refusal.code)
      return Promise.resolve(refusal)
    }
    return new Promise(resolve => {
      const settle = patience ? this.#watch.expireAt(deadline, resolve) : resolve
      this.#accept({ request, isBackground: false, deadline, timeoutMs, isAbandoned, settle })
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
  submitInBackground(request: ScoringRequest, isAbandoned: () => boolean): Promise<ScoringAnswer> {
    if (this.#isStopping) return Promise.resolve(stopping())
    const { timeoutMs } = this.#options
    return new Promise(settle => {
      this.#accept({
        request,
        isBackground: true,
        deadline: Number.POSITIVE_INFINITY,
        timeoutMs,
        isAbandoned,
        settle,
      })
    })
  }

  #accept(accepted: Omit<WaitingRequest, 'order' | 'acceptedAt' | 'queueMs' | 'attempts' | 'isSuspect'>): void {
    const acceptedAt = performance.now()
    this.#queue.push({ ...accepted, order: this.#submitted++, acceptedAt, queueMs: 0, attempts: 0, isSuspect: false })
    this.#watch.start()
    this.#pumpSoon()
  }

  /** Ends all threads; what is not answered by then gets SERVICE_STOPPING. */
  async stop(): Promise<void> {
    this.#isStopping = true
    this.#watch.stop()
    for (const waiting of this.#queue.clear()) waiting.settle(stopping())
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
    while (this.#queue.length > 0 && !this.#isStopping) {
      const idle = [...this.#slots].filter(slot => slot.state === 'idle')
      const [slot] = idle
      if (!slot) return this.#grow()
      const permit = this.#share.begin()
      if (!permit) return
      const batch = this.#queue.take(this.#taker(idle.length, maxHandOver))
      if (batch.length > 0) slot.handOver(batch, permit)
      else permit.end(0, false)
    }
  }

  #taker(idleCount: number, room: number): Taker {
    return { idleCount, room, isBatchable: this.#report?.isBatchable ?? false, requestMs: this.#cost.requestMs }
  }

  /** What goes to a thread that has a long request under way. */
  #takeForRoom(slot: ThreadSlot): WaitingRequest[] {
    if (this.#isStopping || slot.state !== 'busy') return []
    return this.#queue.takeForRoom(this.#taker(1, slot.room), this.#options.hasEntryScript)
  }

  /** Milliseconds that a request which joins the queue now will wait for a thread, as the last hand-overs let expect. */
  #expectedWaitMs(): number {
    const now = Date.now()
    const isBatchable = this.#report?.isBatchable ?? false
    let ms = this.#cost.estimateMs(this.#queue.online.handOvers, this.#queue.online.work, isBatchable)
    let busy = 0
    let free = this.#mayGrow() ? 1 : 0
    for (const slot of this.#slots) {
      if (slot.state === 'idle' || slot.state === 'loading') free++
      if (slot.state !== 'busy' || this.#watch.isStalled(slot, now)) continue
      busy++
      // A job's requests are no measure of others, and take these in where they are long.
      if (!slot.isSharing && !slot.isBackground)
        ms += Math.max(0, this.#cost.estimateMs(1, slot.work, isBatchable) - (now - slot.since))
    }
    // Whatever keeps the others, a free one takes it.
    return this.#queue.online.length < free ? 0 : ms / Math.max(1, busy + free)
  }

  /** Starts a further thread when all are busy and the lane may have one more. */
  #grow(): void {
    if (this.#mayGrow()) this.#startThread()
  }

  #mayGrow(): boolean {
    if (this.#failure !== undefined) return false
    let stuck = 0
    for (const slot of this.#slots) {
      if (slot.state === 'loading') return false
      if (slot.state === 'ended' || this.#watch.isStalled(slot)) stuck++
    }
    return this.#slots.size - Math.min(stuck, maxStuckThreads) < this.#options.maxThreads
  }

  #startThread(): void {
    const slot = new ThreadSlot(this.#options.startThread, this.#metrics, {
      onLoaded: (_, report) => this.#loaded(report),
      onLoadFailed: (failing, reason) => this.#loadFailed(failing, reason),
      onRoom: slot => slot.handIn(this.#takeForRoom(slot)),
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
    for (const waiting of this.#queue.clear())
      waiting.settle(failed('SERVICE_UNAVAILABLE', 'The service could not be loaded.'))
  }

  #idle(slot: ThreadSlot): void {
    if (!slot.isBackground) this.#cost.observe(slot.requestCount, slot.work, Date.now() - slot.since)
    const isSurplus = this.#slots.size > this.#options.maxThreads
    if (isSurplus) slot.end('surplus')
    slot.endTurn(this.#queue.length > 0)
    if (!isSurplus) this.#pump()
  }

  #ended(slot: ThreadSlot, end: ThreadEnd): void {
    const wasLoading = slot.state === 'loading'
    slot.state = 'ended'
    this.#slots.delete(slot)
    slot.endTurn(false)
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
      this.#queue.putBack(innocent)
    } else if (slot.endedFor !== 'load') {
      this.#loadFailed(slot, `its thread ended while loading: ${end.detail}`)
    }
    if (this.#failure === undefined) this.#startThread()
    // What has once been loaded may load again: a file that is being replaced, memory that was short.
    else if (this.#report) {
      if (wasLoading) this.#restarted('load')
      this.#restartLater()
    }
    this.#pump() // another thread may be free for what came back
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
