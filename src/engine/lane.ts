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
import { LaneWatch } from './lane-watch.ts'
import type { StartThread, ThreadEnd } from './scoring-thread.ts'
import { ThreadSlot, type ThreadState } from './thread-slot.ts'
import { WaitingQueue } from './waiting-queue.ts'
import {
  abandoned,
  failed,
  type Patience,
  runsAlone,
  stopping,
  timedOut,
  type WaitingRequest,
} from './waiting-request.ts'

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
  readonly #waiting = new WaitingQueue()
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
  /** As `Date.now()`: a further thread could not be loaded, and is not tried again before. */
  #growsFrom = 0
  readonly #cost = new HandOverCost()
  #submitted = 0

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
   * Whether a request can join the queue now. To be asked before its body is read: a refusal must cost next to nothing.
   *
   * @param bytes  of its body, as far as they are known
   * @returns the refusal, or undefined
   */
  refusalOf(bytes: number, timeLeftMs = this.#options.timeoutMs): FailedAnswer | undefined {
    const longestMs = Math.min(timeLeftMs, this.#options.timeoutMs)
    return refusalOf(this.#waiting, bytes, this.#expectedWaitMs(), longestMs, this.#options)
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
      this.#waiting.push({
        request,
        order: this.#submitted++,
        acceptedAt: performance.now(),
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
    })
  }

  /** Ends all threads; what is not answered by then gets SERVICE_STOPPING. */
  async stop(): Promise<void> {
    this.#isStopping = true
    this.#watch.stop()
    for (const waiting of this.#waiting.clear()) waiting.settle(stopping())
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
      const batch = this.#take(idle.length, maxHandOver)
      if (batch.length > 0) slot.handOver(batch)
    }
  }

  /** The next requests for one of `idleCount` free threads; those nobody waits for any more are dropped. */
  #take(idleCount: number, room: number): WaitingRequest[] {
    const share = Math.ceil(this.#waiting.length / idleCount)
    const isBatchable = this.#report?.isBatchable ?? false
    const most = Math.min(share, room, isBatchable ? maxHandOver : Math.max(1, handOverMs / this.#cost.requestMs))
    const batch: WaitingRequest[] = []
    const now = Date.now()
    let bytes = 0
    while (batch.length + 1 <= most && bytes < handOverBytes) {
      const next = this.#waiting.first
      if (!next || (runsAlone(next) && batch.length > 0)) break
      this.#waiting.shift()
      const isLate = next.deadline <= now
      if (isLate || next.isAbandoned()) {
        this.#metrics.dropped(isLate ? 'expired' : 'abandoned', performance.now() - next.acceptedAt)
        next.settle(isLate ? timedOut(next.timeoutMs) : abandoned())
        continue
      }
      batch.push(next)
      bytes += next.request.body.byteLength
      if (runsAlone(next)) break
    }
    return batch
  }

  /**
   * What goes to a thread that has a long request under way. A script may end its thread, and with it what was moved there:
   * what may have done so already, or would be moved, waits.
   */
  #takeForRoom(slot: ThreadSlot): WaitingRequest[] {
    const { first } = this.#waiting
    if (!first || this.#isStopping || slot.state !== 'busy') return []
    if (runsAlone(first) && (first.isSuspect || this.#options.hasEntryScript)) return []
    return this.#take(1, slot.room)
  }

  /** Milliseconds that a request which joins the queue now will wait for a thread, as the last hand-overs let expect. */
  #expectedWaitMs(): number {
    const now = Date.now()
    const isBatchable = this.#report?.isBatchable ?? false
    let ms = this.#cost.estimateMs(this.#waiting.handOvers, this.#waiting.work, isBatchable)
    let busy = 0
    let free = this.#mayGrow() ? 1 : 0
    for (const slot of this.#slots) {
      if (slot.state === 'idle' || slot.state === 'loading') free++
      if (slot.state !== 'busy' || this.#watch.isStalled(slot, now)) continue
      busy++
      if (!slot.isSharing) ms += Math.max(0, this.#cost.estimateMs(1, slot.work, isBatchable) - (now - slot.since))
    }
    // Whatever keeps the others, a free one takes it.
    return this.#waiting.length < free ? 0 : ms / Math.max(1, busy + free)
  }

  /** Starts a further thread when all are busy and the lane may have one more. */
  #grow(): void {
    if (this.#mayGrow()) this.#startThread()
  }

  #mayGrow(): boolean {
    if (this.#failure !== undefined || Date.now() < this.#growsFrom) return false
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
    if (this.#hasThreads(slot)) {
      this.#options.log(`a further scoring thread could not be loaded: ${reason}`)
      this.#growsFrom = Date.now() + this.#takeRestartDelayMs()
      return
    }
    this.#failure = reason
    this.#started.reject(new ServiceLoadError(reason))
    for (const waiting of this.#waiting.clear())
      waiting.settle(failed('SERVICE_UNAVAILABLE', 'The service could not be loaded.'))
  }

  /** Threads that score or may soon, besides `slot`. */
  #hasThreads(slot?: ThreadSlot): boolean {
    return [...this.#slots].some(other => other !== slot && other.state !== 'ended' && other.endedFor === undefined)
  }

  #idle(slot: ThreadSlot): void {
    this.#cost.observe(slot.requestCount, slot.work, Date.now() - slot.since)
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
      this.#waiting.putBack(innocent)
    } else if (slot.endedFor !== 'load') {
      this.#loadFailed(slot, `its thread ended while loading: ${end.detail}`)
    }
    if (wasLoading && this.#report) this.#restarted('load')
    // What has once been loaded may load again: a file that is being replaced, memory that was short.
    if (this.#failure !== undefined && this.#report) this.#restartLater()
    // Where others score, work that waits starts the next one.
    else if (this.#failure === undefined && !wasLoading) this.#startThread()
    this.#pump() // another thread may be free for what came back
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

function reasonOf({ endedFor }: ThreadSlot, { kind }: ThreadEnd): RestartReason {
  if (endedFor === 'timeout') return 'timeout'
  return endedFor === 'memory' || kind === 'out-of-memory' ? 'memory' : 'crash'
}
