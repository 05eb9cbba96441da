import assert from 'node:assert/strict'
import { setTimeout as delay, setImmediate as turn } from 'node:timers/promises'
import { describe, it, type TestContext } from 'vitest'
import type { LaneOptions } from '../../src/engine/lane.ts'
import { encodePrometheus } from '../../src/protocols/ops/prometheus-text.ts'
import { ScoringMetrics } from '../../src/telemetry/service-metrics.ts'
import { PrometheusPage } from '../support/prometheus-page.ts'
import { report, requestOf } from './fake-thread.ts'
import { readyLane } from './lane-fixture.ts'

function laneOf(test: TestContext, options: Partial<LaneOptions> = {}) {
  const metrics = new ScoringMetrics()
  const { lane, thread } = readyLane({ metrics: metrics.ofService('iris'), ...options })
  test.onTestFinished(() => lane.stop())
  const counted = (name: string, labels = {}) =>
    new PrometheusPage(encodePrometheus(metrics.families)).valueOf(name, { scoring_service: 'iris', ...labels })
  return { lane, thread, counted }
}

describe('the metrics of a lane', () => {
  it('count who waited, who was refused and whose caller had left', async test => {
    const { lane, thread, counted } = laneOf(test, { maxQueued: 2 })
    void lane.submit(requestOf('a'))
    await turn()
    void lane.submit(requestOf('b'))
    void lane.submit(requestOf('c'), () => true)
    await lane.submit(requestOf('d'))
    assert.equal(lane.activity.queued, 2)
    thread(0).finish()
    await turn()
    assert.deepEqual(thread(0).current, ['b'])
    assert.equal(counted('scoring_queue_rejected_total', { error_type: 'QUEUE_FULL' }), 1)
    assert.equal(counted('scoring_queue_dropped_total', { scoring_reason: 'abandoned' }), 1)
    assert.equal(counted('scoring_queue_wait_seconds_count'), 3)
  })

  it('count who waited too long', async test => {
    const { lane, thread, counted } = laneOf(test, { timeoutMs: 40, hasEntryScript: false })
    const answers = [lane.submit(requestOf('runs'))]
    await turn()
    thread(0).begin(0)
    answers.push(lane.submit(requestOf('waits')))
    await Promise.all(answers)
    assert.equal(counted('scoring_queue_dropped_total', { scoring_reason: 'expired' }), 1)
    assert.equal(counted('scoring_queue_wait_seconds_count'), 2)
  })

  it('count those that a thread has taken back before it began them, and their wait once', async test => {
    const { lane, thread, counted } = laneOf(test, { timeoutMs: 80, hasEntryScript: false })
    let hasLeft = false
    const answers = [lane.submit(requestOf('runs')), lane.submit(requestOf('left'), () => hasLeft)]
    answers.push(lane.submit(requestOf('waits')))
    await turn()
    thread(0).begin(0)
    hasLeft = true
    await Promise.all(answers)
    assert.equal(counted('scoring_queue_dropped_total', { scoring_reason: 'expired' }), 1)
    assert.equal(counted('scoring_queue_dropped_total', { scoring_reason: 'abandoned' }), 1)
    assert.equal(counted('scoring_queue_wait_seconds_count'), 3)
  })

  it('count a request as refused for which there is no room', async test => {
    const { lane, thread, counted } = laneOf(test, { maxQueuedBytes: 3 })
    void lane.submit(requestOf('a'))
    await turn()
    thread(0).begin(0)
    void lane.submit(requestOf('two'))
    await lane.submit(requestOf('b'))
    assert.equal(counted('scoring_queue_rejected_total', { error_type: 'QUEUE_FULL' }), 1)
  })

  it('count a thread that ends, by its reason, and those that run again', async test => {
    const { lane, thread, counted } = laneOf(test)
    for (const text of ['a', 'b', 'c']) void lane.submit(requestOf(text))
    await turn()
    thread(0).begin(0)
    thread(0).die({ kind: 'out-of-memory', detail: '' })
    assert.equal(counted('scoring_thread_restarts_total', { scoring_reason: 'memory' }), 1)
    assert.equal(counted('scoring_retries_total'), 3)
    const { restarts, lastRestart, threads } = lane.activity
    assert.deepEqual([restarts, lastRestart?.reason, threads.loading], [1, 'memory', 1])
  })

  it('count no thread that ends because there are too many', async test => {
    const { lane, thread, counted } = laneOf(test, { timeoutMs: 200 })
    const answers = [lane.submit(requestOf('slow'))]
    await turn()
    thread(0).begin(0)
    answers.push(lane.submit(requestOf('waits')))
    await delay(120) // the script counts as stalled after a quarter of the time limit
    thread(1).events.onLoaded(report)
    await turn()
    thread(1).finish()
    thread(0).finish()
    await Promise.all(answers)
    await turn()
    assert.equal(thread(0).isEnded || thread(1).isEnded, true)
    assert.equal(lane.activity.restarts, 0)
    assert.equal(counted('scoring_thread_restarts_total', { scoring_reason: 'crash' }), 0)
  })
})
