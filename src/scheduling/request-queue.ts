import type { ServiceMetrics } from '../telemetry/service-metrics.ts'
import { maxDispatchSize } from './dispatch.ts'
import { WaitingQueue } from './waiting-queue.ts'
import { abandoned, canJoin, runsAlone, timedOut, type WaitingRequest } from './waiting-request.ts'

/** Work that is handed over at once where requests run one by one, so that a thread that gets free finds some. */
const dispatchMs = 4
const dispatchBytes = 32 * 2 ** 20
/** Once in so long a background request goes first, however many online requests wait: jobs come to an end. */
const longestHoldBackMs = 1000

/** What a thread that asks for work is like, and the service that it serves. */
export interface Taker {
  /** Threads that are free: each gets its share. */
  readonly idleCount: number
  /** Requests that it can take. */
  readonly room: number
  readonly isBatchable: boolean
  /** Milliseconds that a request takes. */
  readonly requestMs: number
}

/** `batching` of service.json, as far as it lets a request wait while a thread is free. */
export interface Company {
  /** Milliseconds that the first of a run waits for others, at most. */
  readonly maxDelayMs: number
  /** With so many requests it waits no longer: each has a row at least. */
  readonly maxRows: number
}

/**
 * What of a scheduler's requests goes to a thread next; what nobody waits for any more is dropped. Online requests go first, in
 * order; those of batch jobs go when none is online, and one of them each second if there always is one. A request of a
 * job is handed over by itself, so that its time begins when its run does.
 */
export class RequestQueue {
  /** What callers wait for. Admission asks this one only. */
  readonly online = new WaitingQueue()
  /** What batch jobs wait for. */
  readonly background = new WaitingQueue()
  readonly #metrics: ServiceMetrics
  readonly #now: () => number
  /** Since when there is background work, or some of it was taken. */
  #heldBackSince = 0

  /** @param now  milliseconds of a clock that never jumps */
  constructor(metrics: ServiceMetrics, now: () => number) {
    this.#metrics = metrics
    this.#now = now
  }

  get length(): number {
    return this.online.length + this.background.length
  }

  /** Callers wait, or a job has waited for so long that it counts as one. */
  get isUrgent(): boolean {
    return this.online.length > 0 || this.#isOverdue(this.#now())
  }

  push(waiting: WaitingRequest): void {
    if (!waiting.isBackground) return this.online.push(waiting)
    if (this.background.length === 0) this.#heldBackSince = this.#now()
    this.background.push(waiting)
  }

  /** What comes back from a thread goes where it was: before what came after it. */
  putBack(returned: readonly WaitingRequest[]): void {
    if (returned.length === 0) return
    const background = returned.filter(({ isBackground }) => isBackground)
    for (const waiting of background) waiting.deadline = Number.POSITIVE_INFINITY
    if (this.background.length === 0) this.#heldBackSince = this.#now()
    this.background.putBack(background)
    this.online.putBack(returned.filter(({ isBackground }) => !isBackground))
  }

  /** Takes all out. */
  clear(): WaitingRequest[] {
    return [...this.online.clear(), ...this.background.clear()]
  }

  /** The next requests, in order; none where all that waited are dropped. */
  take(taker: Taker): WaitingRequest[] {
    const now = this.#now()
    return this.online.length === 0 || this.#isOverdue(now) ? this.#takeBackground(now) : this.#takeOnline(taker, now)
  }

  /** @returns milliseconds for which a free thread is still kept waiting, so that more requests share its run */
  waitForCompanyMs({ maxDelayMs, maxRows }: Company, isBatchable: boolean): number {
    const { first } = this.online
    if (maxDelayMs === 0 || !first || !isBatchable || runsAlone(first)) return 0
    if (this.online.length >= maxRows || this.#isOverdue(this.#now())) return 0
    return Math.max(0, first.acceptedAt + maxDelayMs - this.#now())
  }

  /** What goes to a thread that has a long request under way: nothing of a job, unless that was held back for long. */
  takeForRoom(taker: Taker, hasEntryScript: boolean): WaitingRequest[] {
    const now = this.#now()
    if (this.#isOverdue(now) && canJoin(this.background.first as WaitingRequest, hasEntryScript))
      return this.#takeBackground(now)
    const { first } = this.online
    return first && canJoin(first, hasEntryScript) ? this.#takeOnline(taker, now) : []
  }

  #isOverdue(now: number): boolean {
    return this.background.length > 0 && now - this.#heldBackSince >= longestHoldBackMs
  }

  #takeBackground(now: number): WaitingRequest[] {
    for (let next = this.background.shift(); next; next = this.background.shift()) {
      if (this.#isDropped(next, now)) continue
      this.#heldBackSince = now
      next.deadline = now + next.timeoutMs
      return [next]
    }
    return []
  }

  #takeOnline({ idleCount, room, isBatchable, requestMs }: Taker, now: number): WaitingRequest[] {
    const share = Math.ceil(this.online.length / idleCount)
    const most = Math.min(share, room, isBatchable ? maxDispatchSize : Math.max(1, dispatchMs / requestMs))
    const batch: WaitingRequest[] = []
    let bytes = 0
    while (batch.length + 1 <= most && bytes < dispatchBytes) {
      const next = this.online.first
      if (!next || (runsAlone(next) && batch.length > 0)) break
      this.online.shift()
      if (this.#isDropped(next, now)) continue
      batch.push(next)
      bytes += next.request.body.byteLength
      if (runsAlone(next)) break
    }
    return batch
  }

  #isDropped(next: WaitingRequest, now: number): boolean {
    const isLate = next.deadline <= now
    if (!isLate && !next.isAbandoned()) return false
    if (!next.isBackground) this.#metrics.dropped(isLate ? 'expired' : 'abandoned', now - next.acceptedAt)
    next.settle(isLate ? timedOut(next.timeoutMs) : abandoned())
    return true
  }
}
