import type { LoadReport } from '../../models/session/load-report.ts'
import type { RunPermit } from '../../scheduling/cpu-shares.ts'
import { maxDispatchSize, type RunStats } from '../../scheduling/dispatch.ts'
import { discard, type InferenceResult } from '../../scheduling/inference-result.ts'
import { canRunAgain, nameOf, type WaitingRequest, workOf } from '../../scheduling/request-queue.ts'
import type { ServiceMetrics } from '../../telemetry/service-metrics.ts'
import type { ScoringThread, StartThread, ThreadEnd } from './worker-thread.ts'

/** Why we ended a thread. */
export type EndReason = 'timeout' | 'memory' | 'surplus' | 'load'

/** `paused`: it holds requests that it yielded. `ended`: on its way to its end, which native code may keep up. */
export type ThreadState = 'loading' | 'idle' | 'paused' | 'busy' | 'ended'

/** A script that has been at one request for so long does not keep others waiting: they get a further thread. */
const longestStallMs = 1000

/** What the scheduler wants to hear of its threads. */
export interface WorkerHandleEvents {
  onLoaded(worker: WorkerHandle, report: LoadReport): void
  onLoadFailed(worker: WorkerHandle, reason: string): void
  onIdle(worker: WorkerHandle): void
  onEnd(worker: WorkerHandle, end: ThreadEnd): void
}

/** A thread of a scheduler and what it has in hand. */
export class WorkerHandle {
  state: ThreadState = 'loading'
  endedFor: EndReason | undefined
  /** When it began to load, or got its dispatch. */
  since: number
  /** Requests of the dispatch that it has, or had last. */
  requestCount = 0
  /** What they are, as `workOf` counts it. */
  work = 0
  /** Milliseconds of the runs among them that have ended, by the thread's own clock. */
  runMs = 0
  /** What it has, or had last, began as a request of a batch job. */
  isBackground = false
  /** When it was given up, with what it runs; undefined: it was not. */
  givenUpAt: number | undefined
  /** It goes on with a long request, beside others: nobody waits for the end of that. */
  isResumed = false
  readonly #thread: ScoringThread
  readonly #metrics: ServiceMetrics
  readonly #now: () => number
  #permit: RunPermit | undefined
  /** What the thread had computed when it got its dispatch; undefined: nobody asks. */
  #computedBeforeMs: number | undefined
  /** What it was handed; settled requests become undefined. */
  #batch: (WaitingRequest | undefined)[] = []
  /** Those that it goes on with although their time is up, as the log calls them. */
  #overdue: string[] = []

  /** @param now  milliseconds of a clock that never jumps */
  constructor(startThread: StartThread, metrics: ServiceMetrics, now: () => number, events: WorkerHandleEvents) {
    this.#metrics = metrics
    this.#now = now
    this.since = now()
    this.#thread = startThread({
      onLoaded: report => {
        this.state = 'idle'
        events.onLoaded(this, report)
      },
      onLoadFailed: reason => {
        this.endedFor = 'load'
        events.onLoadFailed(this, reason)
      },
      onAnswers: (indexes, answers) => this.#settle(indexes, answers),
      onRuns: stats => this.#record(stats),
      onIdle: yielded => {
        this.#batch = yielded.map(index => this.#batch[index])
        if (this.state === 'ended') return // it came out of a long run, only to end
        this.state = yielded.length > 0 ? 'paused' : 'idle'
        events.onIdle(this)
      },
      onEnd: end => events.onEnd(this, end),
    })
  }

  /** What it yielded goes on, and comes first. */
  dispatch(batch: readonly WaitingRequest[], permit: RunPermit): void {
    this.isResumed = this.state === 'paused'
    if (!this.isResumed) this.#reset(batch)
    this.state = 'busy'
    this.#permit = permit
    this.#computedBeforeMs = permit.share.isContested ? this.#thread.computedMs() : undefined
    const resumed = [...this.#batch.keys()].filter(position => this.#batch[position])
    this.#batch = [...this.unanswered(), ...batch]
    this.#overdue = []
    this.#count(batch)
    this.#thread.dispatch(
      batch.map(({ request }) => request),
      resumed,
    )
  }

  #reset([first]: readonly WaitingRequest[]): void {
    this.#batch = []
    this.isBackground = first?.isBackground === true
    this.since = this.#now()
    this.requestCount = 0
    this.work = 0
    this.runMs = 0
  }

  /** Its dispatch is done, or gone. @param hasMore  the scheduler has another one */
  endTurn(hasMore: boolean): void {
    const before = this.#computedBeforeMs
    const permit = this.#permit
    this.#permit = undefined
    permit?.end(
      before === undefined || this.state === 'ended' ? undefined : this.#thread.computedMs() - before,
      hasMore,
    )
  }

  /** Requests that it can take besides what it yielded. */
  get capacity(): number {
    return maxDispatchSize - this.#batch.length
  }

  end(reason: EndReason): void {
    this.endedFor ??= reason
    if (this.state === 'busy') this.givenUpAt = this.#now()
    // While it loads, the scheduler still has to hear that loading failed.
    if (this.state !== 'loading') this.state = 'ended'
    void this.#thread.end()
  }

  stop(): Promise<void> {
    return this.#thread.end()
  }

  /** How long what runs now has been running. */
  runningMs(now: number): number {
    return this.state === 'busy' ? now - this.#thread.runningSince() : 0
  }

  /** Bodies of answers are still on their way out of it. */
  get isStreaming(): boolean {
    return this.#thread.isStreaming === true
  }

  memoryMb(): Promise<number | undefined> {
    return this.#thread.memoryMb()
  }

  get hasUnanswered(): boolean {
    return this.#batch.some(waiting => waiting !== undefined)
  }

  /** What it is running, as the log calls it: also what has got a timeout for its answer already. */
  get runningNames(): string[] {
    return [...this.#overdue, ...this.running().map(nameOf)]
  }

  /** What it has in hand and has not answered. */
  unanswered(): WaitingRequest[] {
    return this.#batch.filter(waiting => waiting !== undefined)
  }

  /** Those of them that keep the thread right now. */
  running(): WaitingRequest[] {
    return this.#those(index => this.#thread.isRunning(index))
  }

  /** Those of them whose run has ended, and whose answer has not come. */
  answered(): WaitingRequest[] {
    return this.#those(index => this.#thread.isAnswered(index))
  }

  /** Those of them that are being decoded and do not keep the thread. */
  decoding(): WaitingRequest[] {
    return this.#those(index => this.#thread.isDecoding(index))
  }

  /** Takes back what the thread has not begun, or cannot go on with because another one keeps it. */
  withdraw(): WaitingRequest[] {
    const isKept = this.running().length > 0
    return this.#remove(
      (waiting, index) =>
        canRunAgain(waiting) && (isKept || !this.#thread.isDecoding(index)) && this.#thread.withdraw(index),
    )
  }

  /** Takes out those whose time is up. The thread goes on with the one that it is running, and does not begin others. */
  takeExpired(now: number): { begun: WaitingRequest[]; others: WaitingRequest[] } {
    const isBusy = this.state !== 'paused'
    const begun = this.#remove(({ deadline }, index) => deadline <= now && isBusy && this.#thread.isRunning(index))
    const others = this.#remove(({ deadline }) => deadline <= now)
    this.#overdue.push(...begun.map(nameOf))
    // Of all that are out: what was being decoded when its time was up may wait for its run by now.
    if (isBusy) for (const [index, waiting] of this.#batch.entries()) if (!waiting) this.#thread.withdraw(index)
    return { begun, others }
  }

  /** Takes out those whose caller has left and that the thread has not begun. */
  takeAbandoned(): WaitingRequest[] {
    return this.#remove(
      (waiting, index) => waiting.isAbandoned() && (this.state === 'paused' || this.#thread.withdraw(index)),
    )
  }

  #count(batch: readonly WaitingRequest[]): void {
    this.requestCount += batch.length
    const now = this.#now()
    for (const waiting of batch) {
      this.work += workOf(waiting)
      waiting.queueMs = now - waiting.acceptedAt
      if (!waiting.isBackground) this.#metrics.waited(waiting.queueMs)
    }
  }

  #those(isOne: (index: number) => boolean): WaitingRequest[] {
    if (this.state === 'paused') return []
    return this.#batch.filter((waiting, index): waiting is WaitingRequest => waiting !== undefined && isOne(index))
  }

  #remove(isLeaving: (waiting: WaitingRequest, index: number) => boolean): WaitingRequest[] {
    const removed: WaitingRequest[] = []
    for (const [index, waiting] of this.#batch.entries()) {
      if (!waiting || !isLeaving(waiting, index)) continue
      removed.push(waiting)
      this.#batch[index] = undefined
    }
    return removed
  }

  #settle(indexes: readonly number[], answers: readonly InferenceResult[]): void {
    for (const [at, index] of indexes.entries()) {
      const waiting = this.#batch[index]
      const answer = answers[at] as InferenceResult
      this.#batch[index] = undefined
      if (!waiting) {
        discard(answer)
        continue
      }
      if (answer.kind !== 'failure') {
        answer.timings.queueMs = waiting.queueMs
        this.#metrics.coded(answer.timings.decodeMs, answer.timings.encodeMs)
      }
      waiting.settle(answer)
    }
  }

  #record({ runs, bisected }: RunStats): void {
    for (let at = 0; at < runs.length; at += 3) {
      const ms = runs[at + 2] as number
      this.runMs += ms
      this.#metrics.ran(runs[at] as number, runs[at + 1] as number, ms)
    }
    if (bisected > 0) this.#metrics.bisected(bisected)
  }
}

/** The script seems stuck in what it runs. */
export function isStalled(
  worker: WorkerHandle,
  now: number,
  { hasEntryScript, timeoutMs }: { hasEntryScript: boolean; timeoutMs: number },
): boolean {
  return hasEntryScript && worker.runningMs(now) > Math.min(longestStallMs, timeoutMs / 4)
}
