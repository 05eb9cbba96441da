import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it, vi } from 'vitest'
import { CpuShares } from '../../../src/scheduling/cpu-shares.ts'
import { maxDispatchSize } from '../../../src/scheduling/dispatch.ts'
import type { InferenceResult } from '../../../src/scheduling/inference-result.ts'
import { type FakeWorker, requestOf } from './fake-worker.ts'
import { readyScheduler } from './scheduler-fixture.ts'

const textOf = (result: InferenceResult) =>
  result.kind === 'encoded' ? result.body : result.kind === 'failure' ? result.code : 'other'

describe('ServiceScheduler, when a worker yields a long request', () => {
  beforeEach(() =>
    vi.useFakeTimers({
      now: 0,
      toFake: ['Date', 'setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'setImmediate', 'clearImmediate'],
    }),
  )
  afterEach(() => vi.useRealTimers())

  it('dispatches it again at once, before what was queued meanwhile', async () => {
    const { scheduler, worker } = readyScheduler()
    const results = [scheduler.submit(requestOf('long'))]
    vi.advanceTimersByTime(0)
    for (const text of ['a', 'b']) results.push(scheduler.submit(requestOf(text)))
    vi.advanceTimersByTime(0)
    worker(0).yield()
    worker(0).answer(1)
    worker(0).answer(2)
    worker(0).yield()
    worker(0).finish()
    assert.deepEqual(worker(0).dispatches, [['long'], ['long', 'a', 'b'], ['long']])
    assert.deepEqual((await Promise.all(results)).map(textOf), ['long', 'a', 'b'])
    await scheduler.stop()
  })

  it('dispatches no more beside what it holds than a dispatch may have, not even an overdue job', async () => {
    const { scheduler, worker } = readyScheduler({ hasEntryScript: false })
    const many = Array.from({ length: maxDispatchSize }, (_, index) => scheduler.submit(requestOf(String(index))))
    vi.advanceTimersByTime(0)
    const job = scheduler.submitInBackground(requestOf('job'), () => false)
    vi.advanceTimersByTime(1000)
    worker(0).yield()
    assert.deepEqual(
      worker(0).dispatches.map(({ length }) => length),
      [maxDispatchSize, maxDispatchSize],
    )
    worker(0).finish()
    worker(0).finish()
    assert.deepEqual((await Promise.all([...many, job])).map(textOf).at(-1), 'job')
    await scheduler.stop()
  })

  it('does not take the time until it is answered for what others will wait', async () => {
    const { scheduler, worker } = readyScheduler({ timeoutMs: 4000, hasEntryScript: false })
    const long = scheduler.submit(requestOf('long'))
    for (let turn = 0; turn < 390; turn++) {
      vi.advanceTimersByTime(10)
      worker(0).yield()
    }
    worker(0).finish()
    const others = ['a', 'b', 'c'].map(text => {
      const result = scheduler.submit(requestOf(text))
      vi.advanceTimersByTime(0)
      return result
    })
    worker(0).finish()
    worker(0).finish()
    assert.deepEqual((await Promise.all([long, ...others])).map(textOf), ['long', 'a', 'b', 'c'])
    await scheduler.stop()
  })

  it('runs it again on another worker when its own ends', async () => {
    const { scheduler, worker } = readyScheduler()
    const long = scheduler.submit(requestOf('long'))
    vi.advanceTimersByTime(0)
    worker(0).yield()
    worker(0).die()
    worker(1).load()
    assert.deepEqual(worker(1).dispatches, [['long']])
    worker(1).finish()
    assert.equal(textOf(await long), 'long')
    await scheduler.stop()
  })

  /** One processor, which another service takes as soon as a dispatch ends. */
  function contested(timeoutMs: number, hasEntryScript = false) {
    const cpuShares = new CpuShares(1, () => Date.now())
    const options = { cpuShares, timeoutMs, hasEntryScript }
    const [sliced, other] = [readyScheduler(options), readyScheduler({ cpuShares })]
    return { ...sliced, other }
  }

  it('lets another service run between two dispatches of it', async () => {
    const { scheduler, worker, other } = contested(60_000)
    const long = scheduler.submit(requestOf('long'))
    vi.advanceTimersByTime(0)
    const short = other.scheduler.submit(requestOf('short'))
    vi.advanceTimersByTime(5)
    assert.deepEqual(other.worker(0).dispatches, [])
    worker(0).yield()
    assert.deepEqual(other.worker(0).dispatches, [['short']])
    assert.deepEqual(worker(0).dispatches, [['long']])
    assert.equal(scheduler.activity.threads.busy, 1)
    other.worker(0).finish()
    assert.deepEqual(worker(0).dispatches, [['long'], ['long']])
    worker(0).finish()
    assert.deepEqual((await Promise.all([long, short])).map(textOf), ['long', 'short'])
    await Promise.all([scheduler.stop(), other.scheduler.stop()])
  })

  it.each([
    ['has crashed', (fake: FakeWorker) => fake.die(), 'ENTRY_SCRIPT_ENDED_THREAD'],
    [
      'outgrows its memory',
      (fake: FakeWorker) => Object.assign(fake, { memoryMb: async () => 1001 }),
      'ENTRY_SCRIPT_OUT_OF_MEMORY',
    ],
  ])('retries what a worker held that %s, and fails it when it does so again', async (_, end, code) => {
    const { scheduler, worker, workers, other } = contested(60_000, true)
    const results = ['small', 'long'].map(text => scheduler.submit(requestOf(text)))
    vi.advanceTimersByTime(0)
    for (const count of [1, 2]) {
      vi.advanceTimersByTime(95 - (Date.now() % 100)) // the watchdog looks 5 ms later
      void other.scheduler.submit(requestOf('short')) // it has the processor for 10 ms
      vi.advanceTimersByTime(0)
      const last = worker(count - 1)
      if (count === 1) last.answer(0)
      last.yield()
      end(last)
      await vi.advanceTimersByTimeAsync(6)
      assert.equal(workers.length, count + 1)
      worker(count).load()
      other.worker(0).finish()
      vi.advanceTimersByTime(0)
      assert.deepEqual(worker(count).dispatches, count === 1 ? [['long']] : [])
    }
    assert.deepEqual((await Promise.all(results)).map(textOf), ['small', code])
    await Promise.all([scheduler.stop(), other.scheduler.stop()])
  })

  it.each([
    ['is urgent where a caller waits for one of two, and the other is of a job', ['job', 'caller'], undefined, true],
    ['is not urgent where only that of a job is left', ['caller', 'job'], 0, false],
  ])('%s', async (_, [first, second], answered, isUrgent) => {
    const cpuShares = new CpuShares(1, () => Date.now())
    const joined = vi.spyOn(cpuShares, 'join')
    const [{ scheduler, worker }, other] = [
      readyScheduler({ cpuShares, hasEntryScript: false }),
      readyScheduler({ cpuShares }),
    ]
    const submit = (text: string) =>
      text === 'job' ? scheduler.submitInBackground(requestOf(text), () => false) : scheduler.submit(requestOf(text))
    const results = [submit(first as string)]
    vi.advanceTimersByTime(0)
    results.push(submit(second as string))
    vi.advanceTimersByTime(1000) // by then a job is overdue
    worker(0).yield()
    assert.deepEqual(worker(0).dispatches, [[first], [first, second]])
    if (answered !== undefined) worker(0).answer(answered)
    void other.scheduler.submit(requestOf('short'))
    vi.advanceTimersByTime(10)
    worker(0).yield()
    assert.equal(joined.mock.calls[0]?.[0].isUrgent(), isUrgent)
    other.worker(0).finish()
    vi.advanceTimersByTime(10)
    worker(0).finish()
    assert.deepEqual((await Promise.all(results)).map(textOf), [first, second])
    await Promise.all([scheduler.stop(), other.scheduler.stop()])
  })

  it.each([
    ['its deadline has passed', 'SCORING_TIMEOUT', 96],
    ['its caller has left', 'BODY_ABORTED', 60_000],
  ])('lets the worker drop it, when meanwhile %s', async (_, code, timeoutMs) => {
    const { scheduler, worker, other } = contested(timeoutMs)
    let hasLeft = false
    const long = scheduler.submit(requestOf('long'), () => hasLeft)
    vi.advanceTimersByTime(95)
    void other.scheduler.submit(requestOf('short')) // it has the processor for 10 ms
    vi.advanceTimersByTime(0)
    worker(0).yield()
    hasLeft = code === 'BODY_ABORTED'
    vi.advanceTimersByTime(8) // the watchdog looks at 96 or 100 ms
    assert.equal(textOf(await long), code)
    other.worker(0).finish()
    vi.advanceTimersByTime(0)
    assert.deepEqual(worker(0).dispatches, [['long'], []])
    worker(0).finish()
    assert.deepEqual(scheduler.activity.threads, { loading: 0, idle: 1, busy: 0, ended: 0 })
    await Promise.all([scheduler.stop(), other.scheduler.stop()])
  })
})
