import type { RequestQueue } from '../../scheduling/request-queue.ts'
import { abandoned, timedOut, type WaitingRequest } from '../../scheduling/request-queue.ts'
import type { ServiceMetrics } from '../../telemetry/service-metrics.ts'
import { isStalled, type WorkerHandle } from './worker-handle.ts'

interface WatchdogOptions {
  readonly timeoutMs: number
  readonly loadTimeoutMs: number
  readonly maxMemoryMb: number
  readonly hasEntryScript: boolean
  /** What waited too long is taken out, what a stalled thread gives back is put in front. */
  readonly queue: RequestQueue
  readonly workers: ReadonlySet<WorkerHandle>
  readonly metrics: ServiceMetrics
  /** Milliseconds of a clock that never jumps. */
  readonly now: () => number
  /** Work waits, and a thread may be free or may be added. */
  readonly onWork: () => void
  /** What it runs exceeds a limit, and it is on its way to its end. */
  readonly onGivenUp: (worker: WorkerHandle) => void
  readonly onLoadTimeout: (worker: WorkerHandle, reason: string) => void
}

/** How often threads are looked after: memory can grow by a gigabyte in a second. */
const longestPauseMs = 50

/** Looks after the deadlines, stuck threads and memory of a scheduler, for as long as there is work. */
export class Watchdog {
  readonly #options: WatchdogOptions
  #timer: NodeJS.Timeout | undefined
  #isStopped = false

  constructor(options: WatchdogOptions) {
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
    const { queue, workers, onWork } = this.#options
    this.#expire(now)
    for (const worker of workers) {
      if (worker.state === 'loading') this.#inspectLoading(worker, now)
      if (worker.state === 'busy' || worker.state === 'paused') this.#inspectBusy(worker, now)
    }
    if (queue.length > 0) onWork()
    else if (
      ![...workers].some(({ state, hasUnanswered }) => state === 'busy' || state === 'loading' || hasUnanswered)
    ) {
      clearInterval(this.#timer)
      this.#timer = undefined
    }
  }

  #inspectLoading(worker: WorkerHandle, now: number): void {
    const { loadTimeoutMs, onLoadTimeout } = this.#options
    if (now - worker.since < loadTimeoutMs || worker.endedFor) return
    onLoadTimeout(worker, `loading the models and init() took longer than ${loadTimeoutMs} ms (limits.loadTimeoutMs)`)
    worker.end('load')
  }

  #expire(now: number): void {
    const { queue, workers, metrics } = this.#options
    const expired = queue.online.takeOut(({ deadline }) => deadline <= now)
    for (const { acceptedAt } of expired) metrics.dropped('expired', now - acceptedAt)
    for (const worker of workers) {
      if (!worker.hasUnanswered) continue
      const { begun, others } = worker.takeExpired(now)
      for (const { isBackground } of others) if (!isBackground) metrics.dropped('expired')
      expired.push(...begun, ...others)
    }
    for (const each of expired) each.settle(timedOut(each.timeoutMs))
  }

  #inspectBusy(worker: WorkerHandle, now: number): void {
    for (const waiting of worker.takeAbandoned()) {
      if (!waiting.isBackground) this.#options.metrics.dropped('abandoned')
      waiting.settle(abandoned())
    }
    const isTimeUp = worker.runningMs(now) >= this.#options.timeoutMs
    if (isTimeUp) return this.#giveUp(worker, 'timeout')
    if (isStalled(worker, now, this.#options)) this.#options.queue.putBack(worker.withdraw())
    if (now - worker.since > longestPauseMs) void this.#inspectMemory(worker)
  }

  /** Nobody waits for its end: native code, such as a long run of a model, may keep the thread for a while yet. */
  #giveUp(worker: WorkerHandle, reason: 'timeout' | 'memory'): void {
    this.#options.queue.putBack(worker.withdraw())
    worker.end(reason)
    this.#options.onGivenUp(worker)
  }

  /** The heap has its own limit; buffers do not count towards that one. */
  async #inspectMemory(worker: WorkerHandle): Promise<void> {
    const memoryMb = await worker.memoryMb()
    if (memoryMb !== undefined && memoryMb > this.#options.maxMemoryMb && worker.state === 'busy')
      this.#giveUp(worker, 'memory')
  }
}
