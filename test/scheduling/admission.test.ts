import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it, vi } from 'vitest'
import { DispatchCost } from '../../src/scheduling/dispatch-cost.ts'
import type { Failure, InferenceResult } from '../../src/scheduling/inference-result.ts'
import type { SchedulerOptions } from '../../src/workers/pool/service-scheduler.ts'
import { encoded, requestOf } from '../workers/pool/fake-worker.ts'
import { readyScheduler } from '../workers/pool/scheduler-fixture.ts'

const near = (actual: number, expected: number) =>
  assert.ok(Math.abs(actual - expected) < 1e-6, `${actual} is not ${expected}`)

describe('DispatchCost', () => {
  it('counts the run of a request, not the time until the main thread learns of its end', () => {
    const cost = new DispatchCost()
    for (let round = 0; round < 50; round++) cost.observe({ requestCount: 4, work: 4, ms: 80, runMs: 2 })
    assert.ok(Math.abs(cost.requestMs - 0.5) < 0.01, String(cost.requestMs))
    for (let round = 0; round < 50; round++) cost.observe({ requestCount: 4, work: 4, ms: 80 }) // without a run nothing else is known
    assert.ok(Math.abs(cost.requestMs - 20) < 0.1, String(cost.requestMs))
  })

  it('estimates 0 before the first dispatch', () => {
    assert.equal(new DispatchCost().estimateMs(3, 700, true), 0)
  })

  it('fits a fixed cost of a dispatch and a cost of its work', () => {
    const cost = new DispatchCost()
    for (const work of [1, 11, 4, 30]) cost.observe({ requestCount: work, work, ms: 2 + 0.5 * work })
    near(cost.estimateMs(1, 100, true), 2 + 50)
    near(cost.estimateMs(3, 100, true), 6 + 50)
  })

  it('estimates no more for a larger dispatch until it has seen one, where rows share runs', () => {
    const cost = new DispatchCost()
    for (let round = 0; round < 5; round++) cost.observe({ requestCount: 1, work: 1, ms: 10 })
    near(cost.estimateMs(2, 400, true), 20)
    near(cost.estimateMs(2, 400, false), 4000)
  })

  it('follows a service that becomes slower', () => {
    const cost = new DispatchCost()
    for (let round = 0; round < 50; round++) cost.observe({ requestCount: 2, work: 2, ms: 10 })
    for (let round = 0; round < 50; round++) cost.observe({ requestCount: 2, work: 2, ms: 100 })
    const ms = cost.estimateMs(1, 2, false)
    assert.ok(ms > 99 && ms <= 100, String(ms))
  })
})

describe('ServiceScheduler, when it is busy', () => {
  beforeEach(() =>
    vi.useFakeTimers({
      toFake: ['Date', 'setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'setImmediate', 'clearImmediate'],
    }),
  )
  afterEach(() => vi.useRealTimers())

  /** A scheduler that has seen one request without a body, which took a second, and runs another one. */
  function busyScheduler(options: Partial<SchedulerOptions> = {}) {
    const made = readyScheduler({ hasEntryScript: false, ...options }, false)
    const { scheduler, worker } = made
    void scheduler.submit(requestOf(''))
    vi.advanceTimersByTime(0)
    vi.advanceTimersByTime(1000)
    worker(0).finish()
    void scheduler.submit(requestOf(''))
    vi.advanceTimersByTime(0)
    return made
  }
  const refusal = (answer: Failure | undefined) => answer && [answer.code, answer.retryAfterSeconds, answer.message]

  it('admits as many requests as idle and startable workers can take, whatever the busy ones run', async () => {
    const { scheduler, worker } = readyScheduler({ hasEntryScript: false, maxThreads: 2, timeoutMs: 10_000 }, false)
    void scheduler.submit(requestOf(''))
    vi.advanceTimersByTime(0)
    vi.advanceTimersByTime(1000)
    worker(0).finish()
    // Forty times the work of what took a second: this worker is expected to be busy for longer than a request may wait.
    void scheduler.submit(requestOf('x'.repeat(40 * 2048)))
    vi.advanceTimersByTime(0)
    assert.equal(scheduler.findRefusal(0), undefined) // there may be a second worker
    void scheduler.submit(requestOf('second'))
    vi.advanceTimersByTime(0)
    worker(1).load({ isBatchable: false })
    assert.match(scheduler.findRefusal(0)?.message ?? '', /would wait about \d+ ms/) // both are busy
    worker(1).finish()
    assert.equal(scheduler.findRefusal(0), undefined) // the second is free
  })

  it('refuses a request that would wait for too long, and says when to try again', async () => {
    const { scheduler } = busyScheduler({ timeoutMs: 2500 })
    void scheduler.submit(requestOf(''))
    assert.equal(scheduler.findRefusal(0), undefined) // 1 s is running, 1 s is queued
    void scheduler.submit(requestOf(''))
    const message =
      'The service is busy: this request would wait about 3000 ms, and its deadline allows 2250 ms; try again later.'
    assert.deepEqual(refusal(scheduler.findRefusal(0)), ['QUEUE_FULL', 3, message])
    assert.deepEqual(refusal((await scheduler.submit(requestOf(''))) as Failure), ['QUEUE_FULL', 3, message])
    vi.advanceTimersByTime(800) // of the second that the running one takes
    assert.equal(scheduler.findRefusal(0), undefined)
    await scheduler.stop()
  })

  it('refuses by the deadline of the caller, and by limits.maxQueueWaitMs, where that is less', async () => {
    const { scheduler } = busyScheduler({ maxQueueWaitMs: 1500 })
    assert.equal(scheduler.findRefusal(0), undefined)
    assert.match(scheduler.findRefusal(0, 900)?.message ?? '', /about 1000 ms, and its deadline allows 810 ms/)
    void scheduler.submit(requestOf(''))
    assert.match(scheduler.findRefusal(0)?.message ?? '', /about 2000 ms, and limits\.maxQueueWaitMs is 1500/)
    await scheduler.stop()
  })

  it('queues no more bytes than limits.maxQueuedBytes, but any body while nothing is queued', async () => {
    const { scheduler } = busyScheduler({ maxQueuedBytes: 10 })
    assert.equal(scheduler.findRefusal(1000), undefined)
    void scheduler.submit(requestOf('1234567'))
    assert.equal(scheduler.findRefusal(3), undefined)
    assert.match(
      scheduler.findRefusal(4)?.message ?? '',
      /7 bytes are queued; this request's 4 would exceed limits\.maxQueuedBytes \(10\)/,
    )
    await scheduler.stop()
  })

  it('admits a request while nothing is queued, however slow the service was', async () => {
    const { scheduler, worker } = busyScheduler({ timeoutMs: 1100 })
    vi.advanceTimersByTime(1000)
    worker(0).finish()
    assert.equal(scheduler.findRefusal(0, 1), undefined)
    await scheduler.stop()
  })

  it('does not count a request that yields its worker', async () => {
    const { scheduler, worker } = busyScheduler()
    assert.match(scheduler.findRefusal(0, 900)?.message ?? '', /would wait about 1000 ms/)
    worker(0).yield()
    assert.equal(scheduler.findRefusal(0, 1), undefined)
    await scheduler.stop()
  })

  const code = async (answer: Promise<InferenceResult>) => ((await answer) as Failure).code

  it('answers a caller with a deadline of its own at that time, to the millisecond', async () => {
    const { scheduler, worker } = busyScheduler()
    vi.advanceTimersByTime(995)
    let answered = false
    const answer = scheduler.submit(requestOf('short'), () => false, { timeoutMs: 30, since: Date.now() - 10 })
    void answer.then(() => {
      answered = true
    })
    vi.advanceTimersByTime(19)
    await Promise.resolve()
    assert.equal(answered, false)
    vi.advanceTimersByTime(1)
    assert.deepEqual(await answer, { kind: 'failure', code: 'SCORING_TIMEOUT', message: 'Scoring timeout after 30 ms' })
    worker(0).finish()
    assert.deepEqual(worker(0).dispatches, [[''], ['']])
    await scheduler.stop()
  })

  it('does not let a caller wait for longer than the limit of the service', async () => {
    const { scheduler } = busyScheduler({ timeoutMs: 1200 })
    const answer = scheduler.submit(requestOf(''), () => false, { timeoutMs: 1e9, since: Date.now() })
    vi.advanceTimersByTime(1200)
    assert.deepEqual(await answer, {
      kind: 'failure',
      code: 'SCORING_TIMEOUT',
      message: 'Scoring timeout after 1200 ms',
    })
    await scheduler.stop()
  })

  it('does not begin a request past its deadline, also before the watchdog has found it', async () => {
    const { scheduler, worker } = busyScheduler({ timeoutMs: 1130 })
    const late = scheduler.submit(requestOf('late'))
    vi.advanceTimersByTime(1140) // the watchdog looks every 50 ms
    worker(0).finish()
    assert.deepEqual(worker(0).dispatches, [[''], ['']])
    assert.equal(await code(late), 'SCORING_TIMEOUT')
    await scheduler.stop()
  })

  it('answers a body that took longer to come than its caller waits without starting it', async () => {
    const { scheduler } = busyScheduler()
    assert.equal(
      await code(scheduler.submit(requestOf(''), () => false, { timeoutMs: 30, since: Date.now() - 30 })),
      'SCORING_TIMEOUT',
    )
    await scheduler.stop()
  })

  it('takes a request back that the worker has not begun, when its time is up or its caller has left', async () => {
    const { scheduler, worker } = readyScheduler({ hasEntryScript: false })
    let hasLeft = false
    const deadline = { timeoutMs: 100, since: Date.now() }
    const running = scheduler.submit(requestOf('running'), () => false, deadline)
    const late = scheduler.submit(requestOf('late'), () => false, deadline)
    const decoded = scheduler.submit(requestOf('decoded'), () => false, deadline)
    const gone = scheduler.submit(requestOf('gone'), () => hasLeft)
    const there = scheduler.submit(requestOf('there'))
    vi.advanceTimersByTime(0)
    assert.deepEqual(worker(0).current, ['running', 'late', 'decoded', 'gone', 'there'])
    worker(0).begin(0, 2)
    hasLeft = true
    vi.advanceTimersByTime(100)
    for (const answer of [running, late, decoded]) assert.equal(await code(answer), 'SCORING_TIMEOUT')
    assert.equal(await code(gone), 'BODY_ABORTED')
    assert.deepEqual(
      [0, 1, 2, 3, 4].map(index => worker(0).isTakenBack(index)),
      [false, true, false, true, false],
    )
    worker(0).waitForRun(2)
    vi.advanceTimersByTime(50)
    assert.ok(worker(0).isTakenBack(2))
    worker(0).finish()
    assert.deepEqual(await there, encoded('there'))
    await scheduler.stop()
  })
})
