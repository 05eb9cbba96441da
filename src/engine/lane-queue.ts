import type { ServiceMetrics } from '../telemetry/service-metrics.ts'
import { maxHandOver } from './hand-over.ts'
import { WaitingQueue } from './waiting-queue.ts'
import { abandoned, runsAlone, timedOut, type WaitingRequest } from './waiting-request.ts'

/** Work that is handed over at once where requests run one by one, so that a thread that gets free finds some. */
const handOverMs = 4
const handOverBytes = 32 * 2 ** 20

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

/** What of a lane's requests goes to a thread next; what nobody waits for any more is dropped. */
export class LaneQueue {
  readonly online = new WaitingQueue()
  readonly #metrics: ServiceMetrics

  constructor(metrics: ServiceMetrics) {
    this.#metrics = metrics
  }

  /** The next requests, in order; none where all that waited are dropped. */
  take({ idleCount, room, isBatchable, requestMs }: Taker): WaitingRequest[] {
    const share = Math.ceil(this.online.length / idleCount)
    const most = Math.min(share, room, isBatchable ? maxHandOver : Math.max(1, handOverMs / requestMs))
    const batch: WaitingRequest[] = []
    const now = Date.now()
    let bytes = 0
    while (batch.length + 1 <= most && bytes < handOverBytes) {
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

  /**
   * What goes to a thread that has a long request under way. A script may end its thread, and with it what was moved there:
   * what may have done so already, or would be moved, waits.
   */
  takeForRoom(taker: Taker, hasEntryScript: boolean): WaitingRequest[] {
    const { first } = this.online
    if (!first) return []
    if (runsAlone(first) && (first.isSuspect || hasEntryScript)) return []
    return this.take(taker)
  }

  #isDropped(next: WaitingRequest, now: number): boolean {
    const isLate = next.deadline <= now
    if (!isLate && !next.isAbandoned()) return false
    this.#metrics.dropped(isLate ? 'expired' : 'abandoned', performance.now() - next.acceptedAt)
    next.settle(isLate ? timedOut(next.timeoutMs) : abandoned())
    return true
  }
}
