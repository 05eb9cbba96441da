import assert from 'node:assert/strict'
import { setImmediate as turn } from 'node:timers/promises'
import { describe, it, type TestContext } from 'vitest'
import { encodePrometheus } from '../../../src/protocols/ops/prometheus-text.ts'
import { ScoringMetrics } from '../../../src/telemetry/service-metrics.ts'
import type { SchedulerOptions } from '../../../src/workers/pool/service-scheduler.ts'
import { PrometheusPage } from '../../support/prometheus-page.ts'
import { delay, useUnhurriedClock } from '../../support/unhurried-clock.ts'
import { requestOf } from './fake-worker.ts'
import { readyScheduler } from './scheduler-fixture.ts'

useUnhurriedClock()

function schedulerOf(test: TestContext, options: Partial<SchedulerOptions> = {}) {
  const metrics = new ScoringMetrics()
  const { scheduler, worker } = readyScheduler({ metrics: metrics.ofService('iris'), ...options })
  test.onTestFinished(() => scheduler.stop())
  const counted = (name: string, labels = {}) =>
    new PrometheusPage(encodePrometheus(metrics.families)).valueOf(name, { scoring_service: 'iris', ...labels })
  return { scheduler, worker, counted }
}

describe('ServiceScheduler, in its metrics', () => {
  it('counts requests that waited, were refused, or whose caller had left', async test => {
    const { scheduler, worker, counted } = schedulerOf(test, { maxQueued: 2 })
    void scheduler.submit(requestOf('a'))
    await turn()
    void scheduler.submit(requestOf('b'))
    void scheduler.submit(requestOf('c'), () => true)
    await scheduler.submit(requestOf('d'))
    assert.equal(scheduler.activity.queued, 2)
    worker(0).finish()
    await turn()
    assert.deepEqual(worker(0).current, ['b'])
    assert.equal(counted('scoring_queue_rejected_total', { error_type: 'QUEUE_FULL' }), 1)
    assert.equal(counted('scoring_queue_dropped_total', { scoring_reason: 'abandoned' }), 1)
    assert.equal(counted('scoring_queue_wait_seconds_count'), 3)
  })

  it('counts requests that expired', async test => {
    const { scheduler, worker, counted } = schedulerOf(test, { timeoutMs: 40, hasEntryScript: false })
    const answers = [scheduler.submit(requestOf('runs'))]
    await turn()
    worker(0).begin(0)
    answers.push(scheduler.submit(requestOf('waits')))
    await Promise.all(answers)
    assert.equal(counted('scoring_queue_dropped_total', { scoring_reason: 'expired' }), 1)
    assert.equal(counted('scoring_queue_wait_seconds_count'), 2)
  })

  it('counts requests that were taken back before their worker began them, and their wait once', async test => {
    const { scheduler, worker, counted } = schedulerOf(test, { timeoutMs: 80, hasEntryScript: false })
    let hasLeft = false
    const answers = [scheduler.submit(requestOf('runs')), scheduler.submit(requestOf('left'), () => hasLeft)]
    answers.push(scheduler.submit(requestOf('waits')))
    await turn()
    worker(0).begin(0)
    hasLeft = true
    await Promise.all(answers)
    assert.equal(counted('scoring_queue_dropped_total', { scoring_reason: 'expired' }), 1)
    assert.equal(counted('scoring_queue_dropped_total', { scoring_reason: 'abandoned' }), 1)
    assert.equal(counted('scoring_queue_wait_seconds_count'), 3)
  })

  it('counts a request as refused that exceeds limits.maxQueuedBytes', async test => {
    const { scheduler, worker, counted } = schedulerOf(test, { maxQueuedBytes: 3 })
    void scheduler.submit(requestOf('a'))
    await turn()
    worker(0).begin(0)
    void scheduler.submit(requestOf('two'))
    await scheduler.submit(requestOf('b'))
    assert.equal(counted('scoring_queue_rejected_total', { error_type: 'QUEUE_FULL' }), 1)
  })

  it('counts a restart by its reason, and the requests that are retried', async test => {
    const { scheduler, worker, counted } = schedulerOf(test)
    for (const text of ['a', 'b', 'c']) void scheduler.submit(requestOf(text))
    await turn()
    worker(0).begin(0)
    worker(0).die({ isOutOfMemory: true, detail: '' })
    assert.equal(counted('scoring_thread_restarts_total', { scoring_reason: 'memory' }), 1)
    assert.equal(counted('scoring_retries_total'), 3)
    const { restarts, lastRestart, threads } = scheduler.activity
    assert.deepEqual([restarts, lastRestart?.reason, threads.loading], [1, 'memory', 1])
  })

  it('counts no restart when a surplus worker ends', async test => {
    const { scheduler, worker, counted } = schedulerOf(test, { timeoutMs: 200 })
    const answers = [scheduler.submit(requestOf('slow'))]
    await turn()
    worker(0).begin(0)
    answers.push(scheduler.submit(requestOf('waits')))
    await delay(120) // the script counts as stalled after a quarter of the time limit
    worker(1).load()
    await turn()
    worker(1).finish()
    worker(0).finish()
    await Promise.all(answers)
    await turn()
    assert.equal(worker(0).isEnded || worker(1).isEnded, true)
    assert.equal(scheduler.activity.restarts, 0)
    assert.equal(counted('scoring_thread_restarts_total', { scoring_reason: 'crash' }), 0)
  })
})
