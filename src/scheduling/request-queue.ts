import type { ServiceMetrics } from '../telemetry/service-metrics.ts'
import { maxDispatchSize, movedFromBytes } from './dispatch.ts'
import { countBytes, type InferenceRequest } from './inference-request.ts'
import { type Failure, failure, type InferenceResult } from './inference-result.ts'

/** How long a caller waits for its answer. */
export interface CallDeadline {
  readonly timeoutMs: number
  /** As `performance.now()`. */
  readonly since: number
}

/** A request from the moment it is submitted until it is settled. */
export interface WaitingRequest {
  readonly request: InferenceRequest
  /** Place in the order in which requests came to the scheduler. */
  readonly order: number
  /** By the clock of the scheduler. */
  readonly acceptedAt: number
  /** Of a batch job: it waits behind what callers wait for. */
  readonly isBackground: boolean
  /** By the clock of the scheduler. That of a background request is infinite until a thread takes it. */
  deadline: number
  /** What the deadline came from: the time that the service, or this caller, grants. */
  readonly timeoutMs: number
  /** Whether the caller has left; such work is not started. */
  readonly isAbandoned: () => boolean
  /** Only the first call counts. */
  readonly settle: (answer: InferenceResult) => void
  /** From its acceptance until a thread got it. */
  queueMs: number
  /** Ends of its thread that it may have had to do with. */
  attempts: number
  /** It was in a run that ended a thread: it runs alone, so that the next end tells who did it. */
  isSuspect: boolean
}

/** It is handed over without company: it may have ended a thread, or its body is moved. */
export function runsAlone({ isSuspect, request }: WaitingRequest): boolean {
  return isSuspect || request.body.byteLength >= movedFromBytes
}

/**
 * It can go to a thread that has a long request under way. A script may end its thread, and with it what was moved there:
 * what may have done so already, or would be moved, waits.
 */
export function canJoin(waiting: WaitingRequest, hasEntryScript: boolean): boolean {
  return !runsAlone(waiting) || !(waiting.isSuspect || hasEntryScript)
}

/** Whether it can be handed over once more: its body was copied, not moved. */
export function canRunAgain({ request }: WaitingRequest): boolean {
  return !(request.body.buffer as ArrayBuffer).detached
}

/** Bytes of a body that are about as much work as a request is without them. */
const bytesPerWork = 2048

/** What a request costs, in requests without a body: its rows are not known before a thread decodes it, but its bytes are. */
export function workOf({ request }: WaitingRequest): number {
  return 1 + countBytes(request) / bytesPerWork
}

/** Of a request as the log calls it. */
export function nameOf({ request, isBackground }: WaitingRequest): string {
  return request.id ?? (isBackground ? 'of a batch job' : 'without an id')
}

export function timedOut(timeoutMs: number): Failure {
  return failure('SCORING_TIMEOUT', `Scoring timeout after ${timeoutMs} ms`)
}

export function abandoned(): Failure {
  return failure('BODY_ABORTED', 'The caller closed the connection.')
}

export function stopping(): Failure {
  return failure('SERVICE_STOPPING', 'The service is shutting down.')
}

/** The requests of a scheduler that wait for a thread, in order, with what they hold and what is known of their cost. */
export class WaitingQueue {
  #requests: WaitingRequest[] = []
  #bytes = 0
  #work = 0
  #loners = 0

  get length(): number {
    return this.#requests.length
  }

  /** Of all bodies. */
  get bytes(): number {
    return this.#bytes
  }

  /** As `workOf` counts it. */
  get work(): number {
    return this.#work
  }

  /** Dispatches that they take at least. */
  get dispatches(): number {
    return this.#loners + Math.ceil((this.#requests.length - this.#loners) / maxDispatchSize)
  }

  get first(): WaitingRequest | undefined {
    return this.#requests[0]
  }

  push(waiting: WaitingRequest): void {
    this.#requests.push(waiting)
    this.#count(waiting, 1)
  }

  /** What comes back from a thread goes where it was: before what came after it. */
  putBack(returned: readonly WaitingRequest[]): void {
    if (returned.length === 0) return
    this.#requests = [...returned, ...this.#requests].sort((one, other) => one.order - other.order)
    for (const waiting of returned) this.#count(waiting, 1)
  }

  shift(): WaitingRequest | undefined {
    const waiting = this.#requests.shift()
    if (waiting) this.#count(waiting, -1)
    return waiting
  }

  /** Takes all out. */
  clear(): WaitingRequest[] {
    return this.takeOut(() => true)
  }

  takeOut(isLeaving: (waiting: WaitingRequest) => boolean): WaitingRequest[] {
    const leaving = this.#requests.filter(isLeaving)
    if (leaving.length === 0) return leaving
    const gone = new Set(leaving)
    this.#requests = this.#requests.filter(waiting => !gone.has(waiting))
    for (const waiting of leaving) this.#count(waiting, -1)
    return leaving
  }

  #count(waiting: WaitingRequest, sign: 1 | -1): void {
    this.#bytes += sign * countBytes(waiting.request)
    this.#work += sign * workOf(waiting)
    if (runsAlone(waiting)) this.#loners += sign
  }
}

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

  /** What goes to a thread beside a long request that it resumes: nothing of a job, unless that was held back for long. */
  takeBeside(taker: Taker, hasEntryScript: boolean): WaitingRequest[] {
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
      bytes += countBytes(next.request)
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
