import assert from 'node:assert/strict'
import { setTimeout as delay, setImmediate as turn } from 'node:timers/promises'
import { describe, it, type TestContext } from 'vitest'
import { encodePrometheus } from '../../../src/protocols/ops/prometheus-text.ts'
import { ScoringMetrics } from '../../../src/telemetry/service-metrics.ts'
import type { SchedulerOptions } from '../../../src/workers/pool/service-scheduler.ts'
import { PrometheusPage } from '../../support/prometheus-page.ts'
import { requestOf } from './fake-worker.ts'
import { readyScheduler } from './scheduler-fixture.ts'

function schedulerOf(test: TestContext, options: Partial<SchedulerOptions> = {}) {
  const metrics = new ScoringMetrics()
  const { scheduler, thread } = readyScheduler({ metrics: metrics.ofService('iris'), ...options })
  test.onTestFinished(() => scheduler.stop())
  const counted = (name: string, labels = {}) =>
    new PrometheusPage(encodePrometheus(metrics.families)).valueOf(name, { scoring_service: 'iris', ...labels })
  return { scheduler, thread, counted }
}

describe('the metrics of a scheduler', () => {
  it('count who waited, who was refused and whose caller had left', async test => {
    const { scheduler, thread, counted } = schedulerOf(test, { maxQueued: 2 })
    void scheduler.submit(requestOf('a'))
    await turn()
    void scheduler.submit(requestOf('b'))
    void scheduler.submit(requestOf('c'), () => true)
    await scheduler.submit(requestOf('d'))
    assert.equal(scheduler.activity.queued, 2)
    thread(0).finish()
    await turn()
    assert.deepEqual(thread(0).current, ['b'])
    assert.equal(counted('scoring_queue_rejected_total', { error_type: 'QUEUE_FULL' }), 1)
    assert.equal(counted('scoring_queue_dropped_total', { scoring_reason: 'abandoned' }), 1)
    assert.equal(counted('scoring_queue_wait_seconds_count'), 3)
  })

  it('count who waited too long', async test => {
    const { scheduler, thread, counted } = schedulerOf(test, { timeoutMs: 40, hasEntryScript: false })
    const answers = [scheduler.submit(requestOf('runs'))]
    await turn()
    thread(0).begin(0)
    answers.push(scheduler.submit(requestOf('waits')))
    await Promise.all(answers)
    assert.equal(counted('scoring_queue_dropped_total', { scoring_reason: 'expired' }), 1)
    assert.equal(counted('scoring_queue_wait_seconds_count'), 2)
  })

  it('count those that a thread has taken back before it began them, and their wait once', async test => {
    const { scheduler, thread, counted } = schedulerOf(test, { timeoutMs: 80, hasEntryScript: false })
    let hasLeft = false
    const answers = [scheduler.submit(requestOf('runs')), scheduler.submit(requestOf('left'), () => hasLeft)]
    answers.push(scheduler.submit(requestOf('waits')))
    await turn()
    thread(0).begin(0)
    hasLeft = true
    await Promise.all(answers)
    assert.equal(counted('scoring_queue_dropped_total', { scoring_reason: 'expired' }), 1)
    assert.equal(counted('scoring_queue_dropped_total', { scoring_reason: 'abandoned' }), 1)
    assert.equal(counted('scoring_queue_wait_seconds_count'), 3)
  })

  it('count a request as refused for which there is no room', async test => {
    const { scheduler, thread, counted } = schedulerOf(test, { maxQueuedBytes: 3 })
    void scheduler.submit(requestOf('a'))
    await turn()
    thread(0).begin(0)
    void scheduler.submit(requestOf('two'))
    await scheduler.submit(requestOf('b'))
    assert.equal(counted('scoring_queue_rejected_total', { error_type: 'QUEUE_FULL' }), 1)
  })

  it('count a thread that ends, by its reason, and those that run again', async test => {
    const { scheduler, thread, counted } = schedulerOf(test)
    for (const text of ['a', 'b', 'c']) void scheduler.submit(requestOf(text))
    await turn()
    thread(0).begin(0)
    thread(0).die({ isOutOfMemory: true, detail: '' })
    assert.equal(counted('scoring_thread_restarts_total', { scoring_reason: 'memory' }), 1)
    assert.equal(counted('scoring_retries_total'), 3)
    const { restarts, lastRestart, threads } = scheduler.activity
    assert.deepEqual([restarts, lastRestart?.reason, threads.loading], [1, 'memory', 1])
  })

  it('count no thread that ends because there are too many', async test => {
    const { scheduler, thread, counted } = schedulerOf(test, { timeoutMs: 200 })
    const answers = [scheduler.submit(requestOf('slow'))]
    await turn()
    thread(0).begin(0)
    answers.push(scheduler.submit(requestOf('waits')))
    await delay(120) // the script counts as stalled after a quarter of the time limit
    thread(1).load()
    await turn()
    thread(1).finish()
    thread(0).finish()
    await Promise.all(answers)
    await turn()
    assert.equal(thread(0).isEnded || thread(1).isEnded, true)
    assert.equal(scheduler.activity.restarts, 0)
    assert.equal(counted('scoring_thread_restarts_total', { scoring_reason: 'crash' }), 0)
  })
})
