import { abandoned, type QueuedRequest, type RequestQueue, timedOut } from '../../scheduling/request-queue.ts'
import type { ServiceMetrics } from '../../telemetry/service-metrics.ts'
import type { WorkerHandle } from './worker-handle.ts'
import type { LifeEvent } from './worker-state.ts'

interface WatchdogOptions {
  readonly timeoutMs: number
  readonly loadTimeoutMs: number
  readonly maxMemoryMb: number
  /** The same while it loads, when it also reads the files of its models; absent: as much as later. */
  readonly maxLoadMemoryMb?: number | undefined
  readonly queue: RequestQueue
  readonly workers: ReadonlySet<WorkerHandle>
  readonly metrics: ServiceMetrics
  /** Milliseconds of a clock that never jumps. */
  readonly now: () => number
  /** Whether workers may be stopped at a break point, and so have no time limit. */
  readonly isDebugged: () => boolean
  /** Requests are queued, and a worker may be free or may be added. */
  readonly onWork: () => void
  readonly apply: (worker: WorkerHandle, event: LifeEvent) => void
}

/** How often workers are inspected: memory can grow by a gigabyte in a second. */
const maxPauseMs = 50

/** Enforces the deadlines of requests, and the time and memory limits of workers, for as long as there is work. */
export class Watchdog {
  readonly #options: WatchdogOptions
  /** Those that have been asked how much memory they hold. One in native code answers after it. */
  readonly #asked = new WeakSet<WorkerHandle>()
  #timer: NodeJS.Timeout | undefined
  #isStopped = false

  constructor(options: WatchdogOptions) {
    this.#options = options
  }

  start(): void {
    if (this.#timer || this.#isStopped) return
    const { timeoutMs, loadTimeoutMs } = this.#options
    const pauseMs = Math.max(5, Math.min(maxPauseMs, timeoutMs / 8, loadTimeoutMs / 8))
    this.#timer = setInterval(() => this.#inspect(this.#options.now()), pauseMs)
    this.#timer.unref()
  }

  /**
   * Enforces one deadline to the millisecond: a caller said how long it waits.
   *
   * @returns a `settle` that ends this watch as well
   */
  expireAt(deadline: number, settle: QueuedRequest['settle']): QueuedRequest['settle'] {
    const { now, isDebugged } = this.#options
    let timer: NodeJS.Timeout
    const wait = () => {
      timer = setTimeout(check, Math.max(isDebugged() ? maxPauseMs : 1, Math.ceil(deadline - now()))).unref()
    }
    // A timer may fire a fraction of a millisecond early.
    const check = () => (now() < deadline || isDebugged() ? wait() : this.#expire(now()))
    wait()
    return result => {
      clearTimeout(timer)
      settle(result)
    }
  }

  stop(): void {
    this.#isStopped = true
    clearInterval(this.#timer)
  }

  #inspect(now: number): void {
    const { queue, workers, isDebugged, onWork } = this.#options
    const isTimed = !isDebugged()
    if (isTimed) this.#expire(now)
    let isWatching = queue.length > 0
    for (const worker of workers) {
      switch (worker.state.kind) {
        case 'loading':
          if (isTimed) this.#inspectLoading(worker, worker.state.since, now)
          break
        case 'busy':
        case 'paused':
          this.#dropAbandoned(worker)
          if (isTimed) this.#inspectBusy(worker, worker.state.since, now)
      }
      const { kind } = worker.state
      isWatching ||=
        kind === 'loading' || kind === 'failed' || kind === 'busy' || kind === 'paused' || worker.hasUnanswered
    }
    if (queue.length > 0) onWork()
    else if (!isWatching) {
      clearInterval(this.#timer)
      this.#timer = undefined
    }
  }

  #inspectLoading(worker: WorkerHandle, since: number, now: number): void {
    const { loadTimeoutMs, maxMemoryMb, maxLoadMemoryMb = maxMemoryMb } = this.#options
    const fail = (reason: string) => this.#options.apply(worker, { kind: 'load-failed', reason })
    if (now - since >= loadTimeoutMs)
      return fail(`loading the models and init() took longer than ${loadTimeoutMs} ms (limits.loadTimeoutMs)`)
    if (now - since > maxPauseMs)
      void this.#inspectMemory(worker, maxLoadMemoryMb, () =>
        fail(`loading the models and init() needed more than ${maxMemoryMb} MiB of memory (limits.maxMemoryMb)`),
      )
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
    for (const queued of expired) queued.settle(timedOut(queued.timeoutMs))
  }

  #dropAbandoned(worker: WorkerHandle): void {
    for (const queued of worker.takeAbandoned()) {
      if (!queued.isBackground) this.#options.metrics.dropped('abandoned')
      queued.settle(abandoned())
    }
  }

  /** A worker at a break point is not inspected at all: it would not answer how much memory it holds either. */
  #inspectBusy(worker: WorkerHandle, since: number, now: number): void {
    const { timeoutMs, maxMemoryMb, queue, apply } = this.#options
    if (worker.runningMs(now) >= timeoutMs) return apply(worker, { kind: 'limit-exceeded', limit: 'timeout', at: now })
    if (worker.isStalled(now)) queue.putBack(worker.takeBack())
    if (now - since > maxPauseMs)
      void this.#inspectMemory(worker, maxMemoryMb, () =>
        apply(worker, { kind: 'limit-exceeded', limit: 'memory', at: this.#options.now() }),
      )
  }

  /** The heap has a limit of its own; buffers do not count towards that one. */
  async #inspectMemory(worker: WorkerHandle, maxMb: number, onExceeded: () => void): Promise<void> {
    if (this.#asked.has(worker)) return
    this.#asked.add(worker)
    const memoryMb = await worker.memoryMb()
    this.#asked.delete(worker)
    if (memoryMb !== undefined && memoryMb > maxMb) onExceeded()
  }
}
