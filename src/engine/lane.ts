import { type ErrorCode, ServiceLoadError } from '../errors.ts'
import { type LoadReport, maxHandOver, type ScoringAnswer, type ScoringRequest } from './hand-over.ts'
import type { ScoringThread, StartThread, ThreadEnd } from './scoring-thread.ts'

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
}

/** A script that has been at one request for so long does not keep others waiting: they get a further thread. */
const longestStallMs = 1000
/** Threads beyond `maxThreads` while that many are stalled, or end only when native code returns. */
const maxStuckThreads = 4
/** How often threads are looked after: memory can grow by a gigabyte in a second. */
const longestWatchMs = 50
/** Work that is handed over at once where requests run one by one, so that a thread that gets free finds some. */
const handOverMs = 4
const handOverBytes = 32 * 2 ** 20
/** Deaths of its thread that a request may see before it is given up. */
const maxAttempts = 3
const restartDelayMs = { first: 500, longest: 30_000 }

interface Waiting {
  readonly request: ScoringRequest
  readonly deadline: number
  readonly isAbandoned: () => boolean
  readonly settle: (answer: ScoringAnswer) => void
  attempts: number
  /** It was in a run that ended a thread: it runs alone, so that the next death tells who did it. */
  isSuspect: boolean
}

interface Slot {
  thread: ScoringThread
  state: 'loading' | 'idle' | 'busy' | 'ended'
  /** What it was handed; answered requests become undefined. */
  batch: (Waiting | undefined)[]
  /** When it began to load, or got its hand-over. */
  since: number
  /** Why we ended it. */
  endedFor?: 'timeout' | 'memory' | 'surplus' | 'load'
}

/**
 * The requests of one service on their way through its threads: what waits is handed to a thread as soon as one is
 * free. A thread that crashes, hangs or outgrows its memory is replaced; the request that did it gets an error, the
 * others run again.
 */
export class Lane {
  readonly #options: LaneOptions
  readonly #waiting: Waiting[] = []
  readonly #slots = new Set<Slot>()
  readonly #started = Promise.withResolvers<LoadReport>()
  #report: LoadReport | undefined
  #failure: string | undefined
  #isStopping = false
  #isPumpScheduled = false
  #watchdog: NodeJS.Timeout | undefined
  #restartDelayMs = restartDelayMs.first
  /** Milliseconds a request takes, exponentially averaged. */
  #meanRequestMs = 1

  constructor(options: LaneOptions) {
    this.#options = options
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

  get queuedCount(): number {
    return this.#waiting.length
  }

  get threadCount(): number {
    return this.#slots.size
  }

  /**
   * @param isAbandoned  whether the caller has left; such work is not started
   * @returns the answer, which may be an error; never rejects
   */
  submit(request: ScoringRequest, isAbandoned: () => boolean = () => false): Promise<ScoringAnswer> {
    if (this.#isStopping) return Promise.resolve(failed('SERVICE_STOPPING', 'The service is shutting down.'))
    if (this.#waiting.length >= this.#options.maxQueued) {
      return Promise.resolve(
        failed('QUEUE_FULL', `${this.#options.maxQueued} requests are waiting already; try again later.`),
      )
    }
    return new Promise(settle => {
      const deadline = Date.now() + this.#options.timeoutMs
      this.#waiting.push({ request, deadline, isAbandoned, settle, attempts: 0, isSuspect: false })
      this.#watch()
      this.#pumpSoon()
    })
  }

  /** Ends all threads; what is not answered by then gets SERVICE_STOPPING. */
  async stop(): Promise<void> {
    this.#isStopping = true
    clearInterval(this.#watchdog)
    for (const waiting of this.#waiting.splice(0))
      waiting.settle(failed('SERVICE_STOPPING', 'The service is shutting down.'))
    await Promise.all([...this.#slots].map(slot => slot.thread.end()))
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
      if (batch.length > 0) this.#handOver(slot, batch)
    }
  }

  /** The next requests for one of `idleCount` free threads; those nobody waits for any more are dropped. */
  #take(idleCount: number): Waiting[] {
    const share = Math.ceil(this.#waiting.length / idleCount)
    const isBatchable = this.#report?.isBatchable ?? false
    const most = isBatchable
      ? maxHandOver
      : Math.max(1, Math.min(maxHandOver, Math.floor(handOverMs / this.#meanRequestMs)))
    const batch: Waiting[] = []
    let bytes = 0
    while (batch.length < Math.min(share, most) && bytes < handOverBytes) {
      const next = this.#waiting[0]
      if (!next || (next.isSuspect && batch.length > 0)) break
      this.#waiting.shift()
      if (next.isAbandoned()) {
        next.settle(failed('BODY_ABORTED', 'The caller closed the connection.'))
        continue
      }
      batch.push(next)
      bytes += next.request.body.byteLength
      if (next.isSuspect) break
    }
    return batch
  }

  #handOver(slot: Slot, batch: Waiting[]): void {
    slot.state = 'busy'
    slot.batch = batch
    slot.since = Date.now()
    slot.thread.handOver(batch.map(({ request }) => request))
  }

  /** Starts a further thread when all are busy and the lane may have one more. */
  #grow(): void {
    const slots = [...this.#slots]
    if (this.#failure !== undefined || slots.some(slot => slot.state === 'loading')) return
    const stuck = slots.filter(
      slot => slot.state === 'ended' || (this.#options.hasEntryScript && this.#isStalled(slot)),
    ).length
    if (slots.length - Math.min(stuck, maxStuckThreads) < this.#options.maxThreads) this.#startThread()
  }

  #isStalled(slot: Slot): boolean {
    const stalledAfterMs = Math.min(longestStallMs, this.#options.timeoutMs / 4)
    return slot.state === 'busy' && Date.now() - slot.thread.runningSince() > stalledAfterMs
  }

  /** What a stalled thread has not begun goes back to the head of the queue, for another thread. */
  #withdrawFrom(slot: Slot): void {
    const back = [...slot.batch.entries()].filter(([index, waiting]) => waiting && slot.thread.withdraw(index))
    for (const [index] of back) slot.batch[index] = undefined
    this.#waiting.unshift(...back.map(([, waiting]) => waiting as Waiting))
  }

  #startThread(): void {
    const slot = { state: 'loading', batch: [], since: Date.now() } as unknown as Slot
    slot.thread = this.#options.startThread({
      onLoaded: report => this.#loaded(slot, report),
      onLoadFailed: reason => this.#loadFailed(slot, reason),
      onAnswers: (indexes, answers) => this.#answered(slot, indexes, answers),
      onIdle: () => this.#idle(slot),
      onEnd: end => this.#ended(slot, end),
    })
    this.#slots.add(slot)
    this.#watch()
  }

  #loaded(slot: Slot, report: LoadReport): void {
    slot.state = 'idle'
    this.#report = report
    this.#failure = undefined
    this.#restartDelayMs = restartDelayMs.first
    this.#started.resolve(report)
    this.#pump()
  }

  #loadFailed(slot: Slot, reason: string): void {
    slot.endedFor = 'load'
    this.#failure = reason
    this.#started.reject(new ServiceLoadError(reason))
    for (const waiting of this.#waiting.splice(0))
      waiting.settle(failed('SERVICE_UNAVAILABLE', 'The service could not be loaded.'))
  }

  #answered(slot: Slot, indexes: readonly number[], answers: readonly ScoringAnswer[]): void {
    const weight = 0.2
    this.#meanRequestMs += weight * ((Date.now() - slot.since) / Math.max(1, slot.batch.length) - this.#meanRequestMs)
    for (const [at, index] of indexes.entries()) {
      slot.batch[index]?.settle(answers[at] as ScoringAnswer)
      slot.batch[index] = undefined
    }
  }

  #idle(slot: Slot): void {
    slot.batch = []
    slot.state = 'idle'
    if (this.#slots.size > this.#options.maxThreads) return this.#end(slot, 'surplus')
    this.#pump()
  }

  #end(slot: Slot, why: NonNullable<Slot['endedFor']>): void {
    slot.endedFor ??= why
    slot.state = 'ended'
    void slot.thread.end()
  }

  #ended(slot: Slot, end: ThreadEnd): void {
    const wasLoading = slot.state === 'loading'
    slot.state = 'ended'
    this.#slots.delete(slot)
    if (this.#isStopping) {
      for (const waiting of slot.batch) waiting?.settle(failed('SERVICE_STOPPING', 'The service is shutting down.'))
      return
    }
    if (slot.endedFor === 'surplus') return this.#pump()
    if (wasLoading && slot.endedFor !== 'load') {
      this.#loadFailed(slot, `its thread ended while loading: ${end.detail}`)
    } else if (!wasLoading) {
      this.#options.log(
        `a scoring thread ended (${slot.endedFor ?? end.kind}: ${end.detail}); a new one takes its place`,
      )
      this.#settleOrRetry(slot, end)
    }
    if (this.#failure === undefined) this.#startThread()
    // What has once been loaded may load again: a file that is being replaced, memory that was short.
    else if (this.#report) this.#restartLater()
  }

  #restartLater(): void {
    setTimeout(() => {
      if (!this.#isStopping && this.#slots.size === 0) this.#startThread()
    }, this.#restartDelayMs).unref()
    this.#restartDelayMs = Math.min(restartDelayMs.longest, this.#restartDelayMs * 2)
  }

  /** One request was being run: that one did it. Several were, or none: they run again, each alone. */
  #settleOrRetry(slot: Slot, end: ThreadEnd): void {
    const unanswered = [...slot.batch.entries()].filter((entry): entry is [number, Waiting] => entry[1] !== undefined)
    const running = unanswered.filter(([index]) => slot.thread.isRunning(index))
    const guilty = running.length === 1 ? running[0]?.[1] : undefined
    guilty?.settle(this.#causeOf(slot, end))
    const again = unanswered.map(([, waiting]) => waiting).filter(waiting => waiting !== guilty)
    const suspects = new Set(running.map(([, waiting]) => waiting))
    for (const waiting of again) {
      waiting.attempts++
      waiting.isSuspect ||= suspects.has(waiting)
    }
    const [lost, retried] = [
      again.filter(each => each.attempts >= maxAttempts),
      again.filter(each => each.attempts < maxAttempts),
    ]
    for (const waiting of lost) waiting.settle(this.#causeOf(slot, end))
    this.#waiting.unshift(...retried)
  }

  #causeOf(slot: Slot, end: ThreadEnd): ScoringAnswer {
    if (slot.endedFor === 'timeout') return this.#timeout()
    if (slot.endedFor === 'memory' || end.kind === 'out-of-memory') {
      return failed(
        'ENTRY_SCRIPT_OUT_OF_MEMORY',
        `The scoring script needed more than ${this.#options.maxMemoryMb} MiB of memory.`,
      )
    }
    return failed('ENTRY_SCRIPT_ENDED_THREAD', 'The scoring script ended its thread. Check the logs for more info.')
  }

  #timeout(): ScoringAnswer {
    return failed('SCORING_TIMEOUT', `Scoring timeout after ${this.#options.timeoutMs} ms`)
  }

  /** Looks after deadlines, stuck threads and their memory for as long as there is work. */
  #watch(): void {
    if (this.#watchdog || this.#isStopping) return
    const { timeoutMs, loadTimeoutMs } = this.#options
    const everyMs = Math.max(5, Math.min(longestWatchMs, timeoutMs / 8, loadTimeoutMs / 8))
    this.#watchdog = setInterval(() => this.#inspect(), everyMs)
    this.#watchdog.unref()
  }

  #inspect(): void {
    const now = Date.now()
    const expired = this.#waiting.filter(waiting => waiting.deadline <= now)
    if (expired.length > 0) {
      this.#waiting.splice(0, this.#waiting.length, ...this.#waiting.filter(waiting => waiting.deadline > now))
      for (const waiting of expired) waiting.settle(this.#timeout())
    }
    for (const slot of this.#slots) {
      if (slot.state === 'loading') this.#inspectLoading(slot, now)
      if (slot.state === 'busy') this.#inspectBusy(slot, now)
    }
    if (this.#waiting.length > 0) this.#pump()
    else if (![...this.#slots].some(slot => slot.state === 'busy' || slot.state === 'loading')) {
      clearInterval(this.#watchdog)
      this.#watchdog = undefined
    }
  }

  #inspectLoading(slot: Slot, now: number): void {
    const { loadTimeoutMs } = this.#options
    if (now - slot.since < loadTimeoutMs || slot.endedFor) return
    this.#loadFailed(slot, `loading the models and init() took longer than ${loadTimeoutMs} ms (limits.loadTimeoutMs)`)
    void slot.thread.end()
  }

  #inspectBusy(slot: Slot, now: number): void {
    if (now - slot.thread.runningSince() >= this.#options.timeoutMs) return this.#end(slot, 'timeout')
    for (const [index, waiting] of slot.batch.entries()) {
      if (!waiting || waiting.deadline > now) continue
      waiting.settle(this.#timeout())
      slot.batch[index] = undefined
    }
    if (this.#options.hasEntryScript && this.#isStalled(slot)) this.#withdrawFrom(slot)
    if (now - slot.since > longestWatchMs) void this.#inspectMemory(slot)
  }

  /** The heap has its own limit; buffers do not count towards that one. */
  async #inspectMemory(slot: Slot): Promise<void> {
    const memoryMb = await slot.thread.memoryMb()
    if (memoryMb !== undefined && memoryMb > this.#options.maxMemoryMb && slot.state === 'busy')
      this.#end(slot, 'memory')
  }
}

function failed(code: ErrorCode, message: string): ScoringAnswer {
  return { code, message }
}
