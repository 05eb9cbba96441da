import { type Failure, failure } from './inference-result.ts'
import type { FifoQueue } from './request-queue.ts'

/** `limits` of service.json, as far as they bound the queue. */
export interface AdmissionLimits {
  /** Most requests that are queued. */
  readonly maxQueued: number
  /** Most bytes of queued requests. A larger one is accepted when nothing is queued. */
  readonly maxQueuedBytes: number
  /** Longest expected wait of a request that is accepted, in milliseconds; undefined: as long as its deadline allows. */
  readonly maxQueueWaitMs?: number | undefined
}

/**
 * The part of a request's time that it may wait: its run has to fit in too, and estimates err. Under a steady overload the
 * queue grows until every request waits for about this long.
 */
const maxWaitShare = 0.9
/** Clients give up before a longer Retry-After. */
const maxRetryAfterSeconds = 30

/** A request that is about to be queued. */
interface Admission {
  readonly queue: FifoQueue
  /** Of its body or tensors, as far as they are known. */
  readonly byteCount: number
  /** What the request is expected to wait for a worker. */
  readonly waitMs: number
  /** Until the deadline of the request. */
  readonly timeLeftMs: number
  readonly limits: AdmissionLimits
}

/**
 * Decides whether a request may be queued. A refusal comes at once, so that the caller can go elsewhere.
 *
 * @returns the refusal, with when to try again; undefined accepts the request
 */
export function findRefusal({ queue, byteCount, waitMs, timeLeftMs, limits }: Admission): Failure | undefined {
  const { maxQueued, maxQueuedBytes, maxQueueWaitMs = Number.POSITIVE_INFINITY } = limits
  if (queue.length >= maxQueued) {
    return refusal(`${queue.length} requests are queued, as many as limits.maxQueued allows`, waitMs)
  }
  if (queue.length > 0 && queue.byteCount + byteCount > maxQueuedBytes) {
    const queued = `${queue.byteCount} bytes are queued`
    return refusal(
      `${queued}; this request's ${byteCount} would exceed limits.maxQueuedBytes (${maxQueuedBytes})`,
      waitMs,
    )
  }
  const maxWaitMs = Math.min(maxWaitShare * timeLeftMs, maxQueueWaitMs)
  if (waitMs <= maxWaitMs) return undefined
  const limit =
    maxWaitMs === maxQueueWaitMs
      ? `limits.maxQueueWaitMs is ${maxQueueWaitMs}`
      : `its deadline allows ${Math.max(0, Math.floor(maxWaitMs))} ms`
  return refusal(`this request would wait about ${Math.ceil(waitMs)} ms, and ${limit}`, waitMs)
}

function refusal(reason: string, waitMs: number): Failure {
  const retryAfterSeconds = Math.min(maxRetryAfterSeconds, Math.max(1, Math.ceil(waitMs / 1000)))
  return { ...failure('QUEUE_FULL', `The service is busy: ${reason}; try again later.`), retryAfterSeconds }
}
