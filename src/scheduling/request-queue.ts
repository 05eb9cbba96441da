import type { ServiceMetrics } from '../telemetry/service-metrics.ts'
import { maxDispatchSize, movedFromBytes } from './dispatch.ts'
import type { InferenceRequest } from './inference-request.ts'
import { type Failure, failure, type InferenceResult } from './inference-result.ts'

/** How long a caller waits for its answer. */
export interface CallDeadline {
  readonly timeoutMs: number
  /** As `performance.now()`. */
  readonly since: number
}

/** A request from its submission until it is settled. Times are the scheduler's clock. */
export interface QueuedRequest {
  readonly request: InferenceRequest
  /** Bytes of its body or tensors. */
  readonly byteCount: number
  /** Its number among all requests of the scheduler, in order of arrival. */
  readonly sequence: number
  readonly acceptedAt: number
  /** Whether it is part of a batch job: it is dispatched after what callers wait for. */
  readonly isBackground: boolean
  /** Infinite for a background request that no worker has. */
  deadline: number
  /** What the deadline comes from: the time that the service, or its caller, grants. */
  readonly timeoutMs: number
  /** Whether the caller has left; such a request is not started. */
  readonly isAbandoned: () => boolean
  /** Only the first call counts. */
  readonly settle: (result: InferenceResult) => void
  /** From acceptance to the last dispatch. */
  queueMs: number
  /** Crashes of a worker that it may have caused. */
  crashes: number
  /** It was running when a worker crashed: it is dispatched by itself, so that the next crash identifies the culprit. */
  isSuspect: boolean
}

/** Whether the request is dispatched by itself: it may crash the worker, or its body is moved. */
export function isExclusive({ isSuspect, request }: QueuedRequest): boolean {
  return isSuspect || request.body.byteLength >= movedFromBytes
}

/** Whether the request can be retried: its body was copied to the worker, not moved. */
export function canRunAgain({ request }: QueuedRequest): boolean {
  return !(request.body.buffer as ArrayBuffer).detached
}

/** Bytes of a body that cost about as much as a request without a body. */
const bytesPerWork = 2048

/** Estimates the cost of a request, in requests without a body: its bytes are known before a worker has counted its rows. */
export function estimateWork({ byteCount }: QueuedRequest): number {
  return 1 + byteCount / bytesPerWork
}

/** The name of a request in the log. */
export function requestName({ request, isBackground }: QueuedRequest): string {
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

/** Requests in order of arrival, with their total size and estimated cost. */
export class FifoQueue {
  #requests: QueuedRequest[] = []
  #byteCount = 0
  #work = 0
  #exclusive = 0

  get length(): number {
    return this.#requests.length
  }

  /** Bytes of all bodies and tensors. */
  get byteCount(): number {
    return this.#byteCount
  }

  /** Estimated cost of the queued requests, in requests without a body. */
  get work(): number {
    return this.#work
  }

  /** Fewest dispatches that would empty the queue. */
  get minDispatches(): number {
    return this.#exclusive + Math.ceil((this.#requests.length - this.#exclusive) / maxDispatchSize)
  }

  get first(): QueuedRequest | undefined {
    return this.#requests[0]
  }

  push(queued: QueuedRequest): void {
    this.#requests.push(queued)
    this.#count(queued, 1)
  }

  /** Returns requests to where they were: before those that arrived after them. */
  putBack(returned: readonly QueuedRequest[]): void {
    if (returned.length === 0) return
    this.#requests = [...returned, ...this.#requests].sort((one, other) => one.sequence - other.sequence)
    for (const queued of returned) this.#count(queued, 1)
  }

  shift(): QueuedRequest | undefined {
    const queued = this.#requests.shift()
    if (queued) this.#count(queued, -1)
    return queued
  }

  /** Takes all requests out. */
  clear(): QueuedRequest[] {
    return this.takeOut(() => true)
  }

  takeOut(isLeaving: (queued: QueuedRequest) => boolean): QueuedRequest[] {
    const leaving: QueuedRequest[] = []
    const staying: QueuedRequest[] = []
    for (const queued of this.#requests) (isLeaving(queued) ? leaving : staying).push(queued)
    this.#requests = staying
    for (const queued of leaving) this.#count(queued, -1)
    return leaving
  }

  #count(queued: QueuedRequest, sign: 1 | -1): void {
    this.#byteCount += sign * queued.byteCount
    this.#work += sign * estimateWork(queued)
    if (isExclusive(queued)) this.#exclusive += sign
  }
}

/** Milliseconds of work in one dispatch where requests run one by one: a worker that becomes idle finds some queued. */
const maxDispatchMs = 4
const maxDispatchBytes = 32 * 2 ** 20
/** A background request waits this long behind online ones, then goes before them once, so that jobs come to an end. */
const maxHoldBackMs = 1000

/** The worker that requests are taken for, and what is known of the service. */
interface WorkerCapacity {
  /** Idle workers: each gets its part of the queue. */
  readonly idleCount: number
  /** Most requests that the worker can take. */
  readonly capacity: number
  /** Rows of several requests may share a run. */
  readonly isBatchable: boolean
  /** Mean time of a request. */
  readonly requestMs: number
}

/** `batching` of service.json, as far as it delays dispatches. */
export interface BatchDelay {
  /** Longest time that the first request of a batch waits for more while a worker is idle. */
  readonly maxDelayMs: number
  /** With this many requests queued there is no delay: each has at least one row. */
  readonly maxRows: number
}

/**
 * The requests of one service that are not dispatched yet. Online requests go first, in order; requests of batch jobs go when
 * no online one is queued, and one each second otherwise. A background request is dispatched by itself, so that its time limit
 * begins with its run. Expired and abandoned requests are dropped when their turn comes.
 */
export class RequestQueue {
  /** The requests that callers wait for: the only ones that admission counts. */
  readonly online = new FifoQueue()
  readonly background = new FifoQueue()
  readonly #metrics: ServiceMetrics
  readonly #now: () => number
  /** When the last background request was taken, or the first one queued. */
  #heldBackSince = 0

  /** @param now  milliseconds of a clock that never jumps */
  constructor(metrics: ServiceMetrics, now: () => number) {
    this.#metrics = metrics
    this.#now = now
  }

  get length(): number {
    return this.online.length + this.background.length
  }

  /** Whether callers wait, or a job has waited for so long that it counts as one. */
  get isUrgent(): boolean {
    return this.online.length > 0 || this.#isOverdue(this.#now())
  }

  push(queued: QueuedRequest): void {
    if (!queued.isBackground) return this.online.push(queued)
    if (this.background.length === 0) this.#heldBackSince = this.#now()
    this.background.push(queued)
  }

  /** Returns requests from a worker to where they were: before those that arrived after them. */
  putBack(returned: readonly QueuedRequest[]): void {
    if (returned.length === 0) return
    const background = returned.filter(({ isBackground }) => isBackground)
    for (const queued of background) queued.deadline = Number.POSITIVE_INFINITY
    if (this.background.length === 0) this.#heldBackSince = this.#now()
    this.background.putBack(background)
    this.online.putBack(returned.filter(({ isBackground }) => !isBackground))
  }

  /** Takes all requests out. */
  clear(): QueuedRequest[] {
    return [...this.online.clear(), ...this.background.clear()]
  }

  /** Takes the next requests for an idle worker, in order; none where all that were queued are dropped. */
  take(worker: WorkerCapacity): QueuedRequest[] {
    const now = this.#now()
    return this.online.length === 0 || this.#isOverdue(now) ? this.#takeBackground(now) : this.#takeOnline(worker, now)
  }

  /** Takes what can run beside a long request that a worker resumes: no request of a job, unless that is overdue. */
  takeBeside(worker: WorkerCapacity, hasEntryScript: boolean): QueuedRequest[] {
    if (worker.capacity < 1) return []
    const now = this.#now()
    // A crash would take the long request along: suspects stay out, and with a script also what would be lost with its body.
    const isSafe = (queued: QueuedRequest) => !isExclusive(queued) || !(queued.isSuspect || hasEntryScript)
    const job = this.background.first
    if (job && this.#isOverdue(now) && isSafe(job)) return this.#takeBackground(now)
    const { first } = this.online
    return first && isSafe(first) ? this.#takeOnline(worker, now) : []
  }

  /** @returns milliseconds for which dispatch is delayed although a worker is idle, so that more requests share a run */
  batchDelayMs({ maxDelayMs, maxRows }: BatchDelay, isBatchable: boolean): number {
    const { first } = this.online
    if (maxDelayMs === 0 || !first || !isBatchable || isExclusive(first)) return 0
    const now = this.#now()
    if (this.online.length >= maxRows || this.#isOverdue(now)) return 0
    return Math.max(0, first.acceptedAt + maxDelayMs - now)
  }

  #isOverdue(now: number): boolean {
    return this.background.length > 0 && now - this.#heldBackSince >= maxHoldBackMs
  }

  #takeBackground(now: number): QueuedRequest[] {
    for (let next = this.background.shift(); next; next = this.background.shift()) {
      if (this.#isDropped(next, now)) continue
      this.#heldBackSince = now
      next.deadline = now + next.timeoutMs
      return [next]
    }
    return []
  }

  #takeOnline({ idleCount, capacity, isBatchable, requestMs }: WorkerCapacity, now: number): QueuedRequest[] {
    const share = Math.ceil(this.online.length / idleCount)
    const most = Math.min(share, capacity, isBatchable ? maxDispatchSize : Math.max(1, maxDispatchMs / requestMs))
    const taken: QueuedRequest[] = []
    let bytes = 0
    while (taken.length + 1 <= most && bytes < maxDispatchBytes) {
      const next = this.online.first
      if (!next) break
      const isAlone = isExclusive(next)
      if (isAlone && taken.length > 0) break
      this.online.shift()
      if (this.#isDropped(next, now)) continue
      taken.push(next)
      bytes += next.byteCount
      if (isAlone) break
    }
    return taken
  }

  #isDropped(next: QueuedRequest, now: number): boolean {
    const isLate = next.deadline <= now
    if (!isLate && !next.isAbandoned()) return false
    if (!next.isBackground) this.#metrics.dropped(isLate ? 'expired' : 'abandoned', now - next.acceptedAt)
    next.settle(isLate ? timedOut(next.timeoutMs) : abandoned())
    return true
  }
}
