import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it, vi } from 'vitest'
import { encodePrometheus } from '../../../src/protocols/ops/prometheus-text.ts'
import type { InferenceResult } from '../../../src/scheduling/inference-result.ts'
import { ScoringMetrics } from '../../../src/telemetry/service-metrics.ts'
import type { ServiceScheduler } from '../../../src/workers/pool/service-scheduler.ts'
import { PrometheusPage } from '../../support/prometheus-page.ts'
import { type FakeWorker, requestOf } from './fake-worker.ts'
import { readyScheduler } from './scheduler-fixture.ts'

const textOf = (answer: InferenceResult) =>
  answer.kind === 'encoded' ? answer.body : answer.kind === 'failure' ? answer.code : 'other'

describe('ServiceScheduler.submitInBackground', () => {
  beforeEach(() =>
    vi.useFakeTimers({
      toFake: ['Date', 'setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'setImmediate', 'clearImmediate'],
    }),
  )
  afterEach(() => vi.useRealTimers())

  const submitJob = (scheduler: ServiceScheduler, text: string, isAbandoned = () => false) =>
    scheduler.submitInBackground(requestOf(text), isAbandoned)

  it('dispatches requests after those of callers, whichever came first, and one by one', async () => {
    const { scheduler, worker } = readyScheduler()
    const jobs = [submitJob(scheduler, 'job 1'), submitJob(scheduler, 'job 2')]
    const calls = ['a', 'b'].map(text => scheduler.submit(requestOf(text)))
    vi.advanceTimersByTime(0)
    for (let round = 0; round < 3; round++) worker(0).finish()
    assert.deepEqual(worker(0).dispatches, [['a', 'b'], ['job 1'], ['job 2']])
    assert.deepEqual((await Promise.all([...jobs, ...calls])).map(textOf), ['job 1', 'job 2', 'a', 'b'])
    await scheduler.stop()
  })

  it('keeps names of rows to itself: a caller who sends one as x-request-id accuses no row', async () => {
    const { scheduler, worker } = readyScheduler()
    const id = 'job:iris/nightly-1:0:15-16'
    void scheduler.submitInBackground({ ...requestOf('rows'), id }, () => false)
    for (const name of [id, 'my-42']) void scheduler.submit({ ...requestOf('call'), id: name })
    vi.advanceTimersByTime(0)
    worker(0).finish()
    assert.deepEqual(worker(0).ids, [`caller:${id}`, 'my-42', id])
    await scheduler.stop()
  })

  it('dispatches one request each second while callers leave no worker idle', async () => {
    const { scheduler, worker } = readyScheduler()
    void scheduler.submit(requestOf('call'))
    vi.advanceTimersByTime(0)
    for (let index = 0; index < 9; index++) void submitJob(scheduler, 'job')
    for (let ms = 0; ms < 3100; ms += 50) {
      void scheduler.submit(requestOf('call'))
      vi.advanceTimersByTime(50)
      worker(0).finish()
    }
    assert.equal(worker(0).dispatches.filter(([first]) => first === 'job').length, 3)
    await scheduler.stop()
  })

  it('leaves three quarters of the time of the only worker to callers, for a second after the last call', async () => {
    const { scheduler, worker } = readyScheduler()
    void scheduler.submit(requestOf('call'))
    vi.advanceTimersByTime(0)
    for (const text of ['job 1', 'job 2', 'job 3', 'job 4']) void submitJob(scheduler, text)
    worker(0).finish()
    const jobs = () => worker(0).dispatches.slice(1).flat()
    vi.advanceTimersByTime(6)
    worker(0).finish()
    vi.advanceTimersByTime(17)
    assert.deepEqual(jobs(), ['job 1'])
    vi.advanceTimersByTime(1)
    assert.deepEqual(jobs(), ['job 1', 'job 2'])
    vi.advanceTimersByTime(600) // a long one is followed by a short rest
    worker(0).finish()
    assert.equal(jobs().length, 2)
    vi.advanceTimersByTime(20)
    assert.equal(jobs().length, 3)
    vi.advanceTimersByTime(400)
    worker(0).finish()
    assert.equal(jobs().length, 4)
    await scheduler.stop()
  })

  it('leaves half of several workers to callers', async () => {
    const { scheduler, worker } = readyScheduler({ maxThreads: 2 })
    for (const text of ['job 1', 'job 2', 'job 3']) void submitJob(scheduler, text)
    vi.advanceTimersByTime(0)
    worker(1).load()
    assert.deepEqual([worker(0).current, worker(1).current], [['job 1'], ['job 2']])
    void scheduler.submit(requestOf('call'))
    worker(1).finish()
    assert.deepEqual(worker(1).current, ['call'])
    worker(1).finish()
    vi.advanceTimersByTime(900)
    assert.equal(worker(1).dispatches.length, 2)
    worker(0).finish()
    assert.deepEqual(worker(0).current, ['job 3'])
    await scheduler.stop()
  })

  it('neither fills the queue of callers nor is refused, however full that is', async () => {
    const { scheduler, worker } = readyScheduler({ maxQueued: 2, maxQueuedBytes: 10 })
    void scheduler.submit(requestOf('runs'))
    vi.advanceTimersByTime(0)
    const jobs = ['job 1', 'job 2', 'job 3'].map(text => submitJob(scheduler, text))
    assert.equal(scheduler.findRefusal(9), undefined)
    assert.equal(scheduler.activity.queued, 0)
    void scheduler.submit(requestOf('a'))
    void scheduler.submit(requestOf('b'))
    assert.equal(textOf(await scheduler.submit(requestOf('c'))), 'QUEUE_FULL')
    const last = submitJob(scheduler, 'job 4')
    for (let round = 0; round < 6; round++) worker(0).finish()
    assert.deepEqual((await Promise.all([...jobs, last])).map(textOf), ['job 1', 'job 2', 'job 3', 'job 4'])
    await scheduler.stop()
  })

  it('adds nothing to the expected wait of callers', async () => {
    const { scheduler, worker } = readyScheduler({ timeoutMs: 10_000 }, false)
    void scheduler.submit(requestOf(''))
    vi.advanceTimersByTime(0)
    vi.advanceTimersByTime(1000)
    worker(0).finish()
    void submitJob(scheduler, 'x'.repeat(40 * 2048)) // forty times the work of what took a second
    void submitJob(scheduler, 'x'.repeat(40 * 2048))
    vi.advanceTimersByTime(0)
    assert.equal(scheduler.findRefusal(0), undefined)
    await scheduler.stop()
  })

  it('lets requests wait for as long as it takes, and run for limits.timeoutMs', async () => {
    const { scheduler, worker } = readyScheduler({ timeoutMs: 200, hasEntryScript: false })
    void scheduler.submit(requestOf('call'))
    vi.advanceTimersByTime(0)
    const waits = submitJob(scheduler, 'waits')
    for (let ms = 0; ms < 900; ms += 100) {
      void scheduler.submit(requestOf('call'))
      vi.advanceTimersByTime(100)
      worker(0).finish()
    }
    worker(0).finish()
    assert.deepEqual(worker(0).current, ['waits'])
    worker(0).begin(0)
    let answer: InferenceResult | undefined
    void waits.then(result => {
      answer = result
    })
    vi.advanceTimersByTime(199)
    worker(0).begin(0) // its next slice
    await Promise.resolve()
    assert.equal(answer, undefined)
    vi.advanceTimersByTime(51)
    await Promise.resolve()
    assert.equal(textOf(answer as unknown as InferenceResult), 'SCORING_TIMEOUT')
    await scheduler.stop()
  })

  it('does not begin a request that is cancelled', async () => {
    const { scheduler, worker } = readyScheduler()
    void scheduler.submit(requestOf('runs'))
    vi.advanceTimersByTime(0)
    let isCancelled = false
    const jobs = [submitJob(scheduler, 'cancelled', () => isCancelled), submitJob(scheduler, 'active')]
    isCancelled = true
    worker(0).finish()
    assert.deepEqual(worker(0).current, ['active'])
    worker(0).finish()
    assert.deepEqual((await Promise.all(jobs)).map(textOf), ['BODY_ABORTED', 'active'])
    await scheduler.stop()
  })

  it('runs callers between the slices of a request, but no further request of a job', async () => {
    const { scheduler, worker } = readyScheduler()
    const job = submitJob(scheduler, 'job')
    vi.advanceTimersByTime(0)
    const next = submitJob(scheduler, 'next job')
    const call = scheduler.submit(requestOf('call'))
    vi.advanceTimersByTime(0)
    worker(0).begin(0)
    worker(0).yield()
    assert.deepEqual(worker(0).current, ['job', 'call'])
    worker(0).yield()
    assert.deepEqual(worker(0).current, ['job', 'call'])
    worker(0).finish()
    assert.deepEqual(worker(0).current, ['next job'])
    worker(0).finish()
    assert.deepEqual((await Promise.all([job, call, next])).map(textOf), ['job', 'call', 'next job'])
    await scheduler.stop()
  })

  it('runs a request between the slices of callers, once it is overdue', async () => {
    const { scheduler, worker } = readyScheduler()
    void scheduler.submit(requestOf('long'))
    vi.advanceTimersByTime(0)
    const job = submitJob(scheduler, 'job')
    vi.advanceTimersByTime(1000)
    void scheduler.submit(requestOf('call'))
    worker(0).yield()
    assert.deepEqual(worker(0).current, ['long', 'job'])
    worker(0).yield()
    assert.deepEqual(worker(0).current, ['long', 'job', 'call'])
    worker(0).answer(1)
    assert.equal(textOf(await job), 'job')
    await scheduler.stop()
  })

  const endWhenBegun = (worker: FakeWorker, text: string) => {
    worker.load()
    assert.deepEqual(worker.current, [text])
    worker.begin(0)
    worker.die()
  }

  it('retries a request whose worker another one crashed, and fails one that crashes its own', async () => {
    const { scheduler, worker } = readyScheduler()
    const job = submitJob(scheduler, 'job')
    vi.advanceTimersByTime(0)
    const call = scheduler.submit(requestOf('call'))
    worker(0).yield()
    worker(0).begin(1)
    worker(0).die()
    endWhenBegun(worker(1), 'call')
    assert.equal(textOf(await call), 'ENTRY_SCRIPT_ENDED_THREAD')
    endWhenBegun(worker(2), 'job')
    endWhenBegun(worker(3), 'job')
    assert.equal(textOf(await job), 'ENTRY_SCRIPT_ENDED_THREAD')
    await scheduler.stop()
  })

  it('fails what is queued when the service stops', async () => {
    const { scheduler } = readyScheduler()
    void scheduler.submit(requestOf('runs'))
    vi.advanceTimersByTime(0)
    const waits = submitJob(scheduler, 'waits')
    const stopped = scheduler.stop()
    assert.equal(textOf(await waits), 'SERVICE_STOPPING')
    assert.equal(textOf(await submitJob(scheduler, 'late')), 'SERVICE_STOPPING')
    vi.advanceTimersByTime(0)
    await stopped
  })

  it('counts requests neither as waiting nor as dropped', async () => {
    const metrics = new ScoringMetrics()
    const { scheduler, worker } = readyScheduler({ metrics: metrics.ofService('iris') })
    void submitJob(scheduler, 'job')
    vi.advanceTimersByTime(0)
    const gone = submitJob(scheduler, 'gone', () => true)
    worker(0).finish()
    assert.equal(textOf(await gone), 'BODY_ABORTED')
    const page = new PrometheusPage(encodePrometheus(metrics.families))
    const counted = (name: string, labels = {}) => page.valueOf(name, { scoring_service: 'iris', ...labels })
    assert.equal(counted('scoring_queue_wait_seconds_count'), 0)
    assert.equal(counted('scoring_queue_dropped_total', { scoring_reason: 'abandoned' }), 0)
    await scheduler.stop()
  })
})
