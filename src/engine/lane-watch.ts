import type { ServiceMetrics } from '../telemetry/service-metrics.ts'
import type { LaneQueue } from './lane-queue.ts'
import { isStalled, type ThreadSlot } from './thread-slot.ts'
import { abandoned, timedOut, type WaitingRequest } from './waiting-request.ts'

interface LaneWatchOptions {
  readonly timeoutMs: number
  readonly loadTimeoutMs: number
  readonly maxMemoryMb: number
  readonly hasEntryScript: boolean
  /** What waited too long is taken out, what a stalled thread gives back is put in front. */
  readonly queue: LaneQueue
  readonly slots: ReadonlySet<ThreadSlot>
  readonly metrics: ServiceMetrics
  /** Milliseconds of a clock that never jumps. */
  readonly now: () => number
  /** Work waits, and a thread may be free or may be added. */
  readonly onWork: () => void
  /** What it runs exceeds a limit, and it is on its way to its end. */
  readonly onGivenUp: (slot: ThreadSlot) => void
  readonly onLoadTimeout: (slot: ThreadSlot, reason: string) => void
}

/** How often threads are looked after: memory can grow by a gigabyte in a second. */
const longestPauseMs = 50

/** Looks after the deadlines, stuck threads and memory of a lane, for as long as there is work. */
export class LaneWatch {
  readonly #options: LaneWatchOptions
  #timer: NodeJS.Timeout | undefined
  #isStopped = false

  constructor(options: LaneWatchOptions) {
    this.#options = options
  }

  start(): void {
    if (this.#timer || this.#isStopped) return
    const { timeoutMs, loadTimeoutMs } = this.#options
    const pauseMs = Math.max(5, Math.min(longestPauseMs, timeoutMs / 8, loadTimeoutMs / 8))
    this.#timer = setInterval(() => this.#inspect(this.#options.now()), pauseMs)
    this.#timer.unref()
  }

  /**
   * Looks after one deadline to the millisecond: a caller said how long it waits.
   *
   * @returns `settle`, which from now on ends that watch too
   */
  expireAt(deadline: number, settle: WaitingRequest['settle']): WaitingRequest['settle'] {
    const { now } = this.#options
    let timer: NodeJS.Timeout
    const wait = () => {
      timer = setTimeout(look, Math.max(1, Math.ceil(deadline - now()))).unref()
    }
    // A timer may come a fraction of a millisecond early.
    const look = () => (now() < deadline ? wait() : this.#expire(now()))
    wait()
    return answer => {
      clearTimeout(timer)
      settle(answer)
    }
  }

  stop(): void {
    this.#isStopped = true
    clearInterval(this.#timer)
  }

  #inspect(now: number): void {
    const { queue, slots, onWork } = this.#options
    this.#expire(now)
    for (const slot of slots) {
      if (slot.state === 'loading') this.#inspectLoading(slot, now)
      if (slot.state === 'busy') this.#inspectBusy(slot, now)
    }
    if (queue.length > 0) onWork()
    else if (![...slots].some(({ state, hasUnanswered }) => state === 'busy' || state === 'loading' || hasUnanswered)) {
      clearInterval(this.#timer)
      this.#timer = undefined
    }
  }

  #inspectLoading(slot: ThreadSlot, now: number): void {
    const { loadTimeoutMs, onLoadTimeout } = this.#options
    if (now - slot.since < loadTimeoutMs || slot.endedFor) return
    onLoadTimeout(slot, `loading the models and init() took longer than ${loadTimeoutMs} ms (limits.loadTimeoutMs)`)
    slot.end('load')
  }

  #expire(now: number): void {
    const { queue, slots, metrics } = this.#options
    const expired = queue.online.takeOut(({ deadline }) => deadline <= now)
    for (const { acceptedAt } of expired) metrics.dropped('expired', now - acceptedAt)
    for (const slot of slots) {
      if (!slot.hasUnanswered) continue
      const { begun, others } = slot.takeExpired(now)
      for (const { isBackground } of others) if (!isBackground) metrics.dropped('expired')
      expired.push(...begun, ...others)
    }
    for (const each of expired) each.settle(timedOut(each.timeoutMs))
  }

  #inspectBusy(slot: ThreadSlot, now: number): void {
    for (const waiting of slot.takeAbandoned()) {
      if (!waiting.isBackground) this.#options.metrics.dropped('abandoned')
      waiting.settle(abandoned())
    }
    const isTimeUp = slot.runningMs(now) >= this.#options.timeoutMs
    if (isTimeUp) return this.#giveUp(slot, 'timeout')
    if (isStalled(slot, now, this.#options)) this.#options.queue.putBack(slot.withdraw())
    if (now - slot.since > longestPauseMs) void this.#inspectMemory(slot)
  }

  /** Nobody waits for its end: native code, such as a long run of a model, may keep the thread for a while yet. */
  #giveUp(slot: ThreadSlot, reason: 'timeout' | 'memory'): void {
    this.#options.queue.putBack(slot.withdraw())
    slot.end(reason)
    this.#options.onGivenUp(slot)
  }

  /** The heap has its own limit; buffers do not count towards that one. */
  async #inspectMemory(slot: ThreadSlot): Promise<void> {
    const memoryMb = await slot.memoryMb()
    if (memoryMb !== undefined && memoryMb > this.#options.maxMemoryMb && slot.state === 'busy')
      this.#giveUp(slot, 'memory')
  }
}
