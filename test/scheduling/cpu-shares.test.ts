import assert from 'node:assert/strict'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, it, vi } from 'vitest'
import { CpuShares } from '../../src/scheduling/cpu-shares.ts'
import type { InferenceRequest } from '../../src/scheduling/inference-request.ts'
import type { ServiceScheduler } from '../../src/workers/pool/service-scheduler.ts'
import type { WorkerEvent } from '../../src/workers/pool/worker-thread.ts'
import { FakeWorker, requestOf } from '../workers/pool/fake-worker.ts'
import { makeScheduler } from '../workers/pool/scheduler-fixture.ts'

/** By its doc comment, a dispatch holds a processor for one slice of this length only. */
const sliceMs = 10

/** A worker whose requests take `costMs` each; it computes for all of that, or waits. */
class TimedWorker extends FakeWorker {
  readonly #costMs: number
  readonly #computes: boolean
  busyUntil = Number.POSITIVE_INFINITY
  takenMs = 0

  constructor(onEvent: (event: WorkerEvent) => void, costMs: number, computes: boolean) {
    super(onEvent)
    this.#costMs = costMs
    this.#computes = computes
  }

  override dispatch(requests: readonly InferenceRequest[], resumed: readonly number[]): void {
    super.dispatch(requests, resumed)
    const ms = this.#costMs * requests.length
    this.busyUntil = Date.now() + ms
    this.takenMs += ms
    if (!this.#computes) this.waitedMs += ms
  }

  get isBusy(): boolean {
    return this.busyUntil !== Number.POSITIVE_INFINITY
  }

  finishWhatIsDone(): void {
    if (Date.now() < this.busyUntil) return
    this.busyUntil = Number.POSITIVE_INFINITY
    this.finish()
  }
}

interface Service {
  readonly costMs: number
  readonly isJob?: boolean
  /** Whether its script computes, rather than waits. */
  readonly computes?: boolean
}

/** Schedulers that share processors, in virtual time. */
class Machine {
  readonly cpuShares: CpuShares
  readonly schedulers: { scheduler: ServiceScheduler; worker: TimedWorker; service: Service }[] = []
  readonly #count: number

  constructor(count: number) {
    this.#count = count
    this.cpuShares = new CpuShares(count, () => Date.now())
  }

  add(service: Service): ServiceScheduler {
    const workers: TimedWorker[] = []
    const startWorker = (onEvent: (event: WorkerEvent) => void) => {
      const worker = new TimedWorker(onEvent, service.costMs, service.computes ?? true)
      workers.push(worker)
      return worker
    }
    const { scheduler } = makeScheduler({
      cpuShares: this.cpuShares,
      startWorker,
      hasEntryScript: false,
      maxQueued: 1e9,
      maxQueuedBytes: 1e9,
      timeoutMs: 1e9,
    })
    void scheduler.start()
    const [worker] = workers as [TimedWorker]
    worker.load({ isBatchable: false })
    this.schedulers.push({ scheduler, worker, service })
    return scheduler
  }

  submit(scheduler: ServiceScheduler, count: number, isJob = false): void {
    for (let index = 0; index < count; index++)
      void (isJob ? scheduler.submitInBackground(requestOf('x'), () => false) : scheduler.submit(requestOf('x')))
  }

  /** Keeps all schedulers supplied with work. */
  runBacklogged(ms: number): void {
    for (let passed = 0; passed < ms; passed += 100) {
      for (const { scheduler, service } of this.schedulers)
        if (scheduler.activity.queued < 200) this.submit(scheduler, 200, service.isJob)
      this.run(Math.min(100, ms - passed))
    }
  }

  run(ms: number): void {
    for (let passed = 0; passed < ms; passed++) {
      vi.advanceTimersByTime(1)
      for (const { worker } of this.schedulers) worker.finishWhatIsDone()
      vi.advanceTimersByTime(0)
      this.check()
    }
  }

  check(): void {
    const now = Date.now()
    const held = this.schedulers.filter(({ worker }) => worker.isBusy && now - worker.startedAt < sliceMs)
    if (held.length >= this.#count) return
    for (const { scheduler, worker, service } of this.schedulers)
      if (!service.isJob)
        assert.ok(worker.isBusy || scheduler.activity.queued === 0, 'a processor is idle while work is queued')
  }

  get takenMs(): number[] {
    return this.schedulers.map(({ worker }) => worker.takenMs)
  }

  async stop(): Promise<void> {
    const stopped = Promise.all(this.schedulers.map(({ scheduler }) => scheduler.stop()))
    vi.advanceTimersByTime(0)
    await stopped
  }
}

describe('CpuShares', () => {
  beforeEach(() =>
    vi.useFakeTimers({
      now: 0,
      toFake: ['Date', 'setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'setImmediate', 'clearImmediate'],
    }),
  )
  afterEach(() => vi.useRealTimers())

  const services = (...costs: number[]) => fc.array(fc.constantFrom(...costs), { minLength: 2, maxLength: 5 })
  const counts = fc.integer({ min: 1, max: 3 })
  /** Milliseconds of runs that schedulers which always have work began within `ms`. */
  async function takenBy(costs: readonly number[], count: number, ms: number): Promise<number[]> {
    const machine = new Machine(count)
    for (const costMs of costs) machine.add({ costMs })
    machine.runBacklogged(ms)
    await machine.stop()
    return machine.takenMs
  }

  it('leaves no processor idle while work is queued, and gives each scheduler its part, whatever runs take', async () => {
    await fc.assert(
      fc.asyncProperty(services(1, 2, 7, 25, 90), counts, async (costs, count) => {
        const takenMs = await takenBy(costs, count, 1500)
        const partMs = 1500 * Math.min(1, count / costs.length)
        // It may be about to begin, behind a dispatch of each other one.
        const shortMs = partMs - Math.min(...takenMs)
        assert.ok(shortMs <= Math.max(...costs) + sliceMs * costs.length, `${costs} took ${takenMs}`)
      }),
      { numRuns: 20 },
    )
  })

  it('gives schedulers of different runs the same time, where all runs end within a slice', async () => {
    await fc.assert(
      fc.asyncProperty(services(1, 2, 3, 7), counts, async (costs, count) => {
        const takenMs = await takenBy(costs, count, 1500)
        const apartMs = Math.max(...takenMs) - Math.min(...takenMs)
        assert.ok(apartMs <= 2 * sliceMs, `${costs} took ${takenMs}`)
      }),
      { numRuns: 20 },
    )
  })

  it('lets a scheduler go first after a pause, but not for as long as it paused', async () => {
    const machine = new Machine(1)
    const [busy, rare] = [machine.add({ costMs: 5 }), machine.add({ costMs: 5 })]
    machine.submit(busy, 2000)
    machine.run(1000)
    machine.submit(rare, 1000)
    const before = machine.takenMs
    machine.run(600)
    const [busyMs, rareMs] = machine.takenMs.map((ms, index) => ms - (before[index] as number)) as [number, number]
    assert.ok(rareMs - busyMs > 150 && rareMs - busyMs <= 220, `${rareMs} and ${busyMs}`)
    await machine.stop()
  })

  it('does not wait for a worker that is stuck', async () => {
    const machine = new Machine(1)
    const [stuck, other] = [machine.add({ costMs: 1e6 }), machine.add({ costMs: 2 })]
    machine.submit(stuck, 1)
    machine.run(1)
    machine.submit(other, 10)
    machine.run(sliceMs - 2) // after the one above
    assert.equal(machine.takenMs[1], 0)
    machine.run(30)
    assert.equal(machine.takenMs[1], 20)
    await machine.stop()
  })

  it('does not charge the time that a script spends waiting', async () => {
    const machine = new Machine(1)
    machine.add({ costMs: 40, computes: false })
    machine.add({ costMs: 7 })
    machine.add({ costMs: 7 })
    machine.runBacklogged(2000)
    const [waits] = machine.takenMs as [number]
    assert.ok(waits > 1500, `${waits} ms are not much more than a third`)
    await machine.stop()
  })

  it('puts callers before the jobs of all services, which get a run each second', async () => {
    const machine = new Machine(1)
    machine.add({ costMs: 3 })
    machine.add({ costMs: 4 })
    machine.add({ costMs: 5, isJob: true })
    machine.runBacklogged(3500)
    assert.equal(machine.takenMs[2], 3 * 5)
    await machine.stop()
  })

  it('lets callers begin beside the run of a job at once', async () => {
    const machine = new Machine(1)
    const [job, calls] = [machine.add({ costMs: 500 }), machine.add({ costMs: 2 })]
    machine.submit(job, 1, true)
    machine.run(2)
    machine.submit(calls, 1)
    machine.run(1)
    assert.equal(machine.takenMs[1], 2)
    await machine.stop()
  })
})
