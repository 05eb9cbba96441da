import { type Failure, failure } from './inference-result.ts'
import type { WaitingQueue } from './request-queue.ts'

/** `limits` of service.json, as far as they bound the queue. */
export interface AdmissionLimits {
  /** Requests that may wait; one more is refused at once. */
  readonly maxQueued: number
  /** Bytes of the bodies that may wait. A larger one is taken when nothing waits. */
  readonly maxQueuedBytes: number
  /** Milliseconds that a request may be expected to wait; undefined: as long as its deadline allows. */
  readonly maxQueueWaitMs?: number | undefined
}

/**
 * Of the time that a request has, this much may pass before it is begun: its run has to fit in too, and expectations err.
 * Under a steady overload the queue is as long as it may be, and everyone in it as late as that allows.
 */
const shareForWaiting = 0.9
/** A client that is told to wait longer has rather given up. */
const longestRetrySeconds = 30

/**
 * Why a request is not let in, so that its caller can go elsewhere at once instead of waiting in vain.
 *
 * @param bytes  of its body, as far as they are known
 * @param waitMs  what a request that joins now is expected to wait for a thread
 * @param timeLeftMs  until the request's deadline
 * @returns the refusal, with when to try again; undefined lets it in
 */
export function refusalOf(
  queue: WaitingQueue,
  bytes: number,
  waitMs: number,
  timeLeftMs: number,
  { maxQueued, maxQueuedBytes, maxQueueWaitMs }: AdmissionLimits,
): Failure | undefined {
  if (queue.length >= maxQueued) return refused(`${maxQueued} requests are waiting already`, waitMs)
  if (queue.length > 0 && queue.bytes + bytes > maxQueuedBytes) {
    return refused(`the ${bytes} bytes of this request find no place beside the ${queue.bytes} that wait`, waitMs)
  }
  const longestMs = Math.min(shareForWaiting * timeLeftMs, maxQueueWaitMs ?? Number.POSITIVE_INFINITY)
  if (waitMs <= longestMs) return undefined
  const expected = `a wait of ${Math.ceil(waitMs)} ms is expected`
  return refused(`${expected}, and this request may wait for ${Math.max(0, Math.floor(longestMs))} ms`, waitMs)
}

function refused(why: string, waitMs: number): Failure {
  const retryAfterSeconds = Math.min(longestRetrySeconds, Math.max(1, Math.ceil(waitMs / 1000)))
  return { ...failure('QUEUE_FULL', `The service is busy: ${why}; try again later.`), retryAfterSeconds }
}
