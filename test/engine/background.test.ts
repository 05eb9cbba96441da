import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it, vi } from 'vitest'
import type { ScoringAnswer } from '../../src/engine/hand-over.ts'
import type { Lane } from '../../src/engine/lane.ts'
import { encodePrometheus } from '../../src/protocols/ops/prometheus-text.ts'
import { ScoringMetrics } from '../../src/telemetry/service-metrics.ts'
import { PrometheusPage } from '../support/prometheus-page.ts'
import { type FakeThread, report, requestOf } from './fake-thread.ts'
import { readyLane } from './lane-fixture.ts'

const textOf = (answer: ScoringAnswer) => ('json' in answer ? answer.json : 'code' in answer ? answer.code : 'other')

describe('background requests', () => {
  beforeEach(() =>
    vi.useFakeTimers({
      toFake: ['Date', 'setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'setImmediate', 'clearImmediate'],
    }),
  )
  afterEach(() => vi.useRealTimers())

  const submitJob = (lane: Lane, text: string, isAbandoned = () => false) =>
    lane.submitInBackground(requestOf(text), isAbandoned)

  it('wait behind what callers wait for, whoever came first, and go one by one', async () => {
    const { lane, thread } = readyLane()
    const jobs = [submitJob(lane, 'job 1'), submitJob(lane, 'job 2')]
    const calls = ['a', 'b'].map(text => lane.submit(requestOf(text)))
    vi.advanceTimersByTime(0)
    for (let round = 0; round < 3; round++) thread(0).finish()
    assert.deepEqual(thread(0).handOvers, [['a', 'b'], ['job 1'], ['job 2']])
    assert.deepEqual((await Promise.all([...jobs, ...calls])).map(textOf), ['job 1', 'job 2', 'a', 'b'])
    await lane.stop()
  })

  it('get one turn each second while callers leave none', async () => {
    const { lane, thread } = readyLane()
    void lane.submit(requestOf('call'))
    vi.advanceTimersByTime(0)
    for (let index = 0; index < 9; index++) void submitJob(lane, 'job')
    for (let ms = 0; ms < 3100; ms += 50) {
      void lane.submit(requestOf('call'))
      vi.advanceTimersByTime(50)
      thread(0).finish()
    }
    assert.equal(thread(0).handOvers.filter(([first]) => first === 'job').length, 3)
    await lane.stop()
  })

  it('neither fill the queue of callers nor are refused, however full it is', async () => {
    const { lane, thread } = readyLane({ maxQueued: 2, maxQueuedBytes: 10 })
    void lane.submit(requestOf('runs'))
    vi.advanceTimersByTime(0)
    const jobs = ['job 1', 'job 2', 'job 3'].map(text => submitJob(lane, text))
    assert.equal(lane.refusalOf(9), undefined)
    assert.equal(lane.activity.queued, 0)
    void lane.submit(requestOf('a'))
    void lane.submit(requestOf('b'))
    assert.equal(textOf(await lane.submit(requestOf('c'))), 'QUEUE_FULL')
    const last = submitJob(lane, 'job 4')
    for (let round = 0; round < 6; round++) thread(0).finish()
    assert.deepEqual((await Promise.all([...jobs, last])).map(textOf), ['job 1', 'job 2', 'job 3', 'job 4'])
    await lane.stop()
  })

  it('make nobody expect a wait', async () => {
    const { lane, thread } = readyLane({ timeoutMs: 10_000 }, false)
    void lane.submit(requestOf(''))
    vi.advanceTimersByTime(0)
    vi.advanceTimersByTime(1000)
    thread(0).finish()
    void submitJob(lane, 'x'.repeat(40 * 2048)) // forty times the work of what took a second
    void submitJob(lane, 'x'.repeat(40 * 2048))
    vi.advanceTimersByTime(0)
    assert.equal(lane.refusalOf(0), undefined)
    await lane.stop()
  })

  it('may wait for as long as it takes, and run for limits.timeoutMs', async () => {
    const { lane, thread } = readyLane({ timeoutMs: 200, hasEntryScript: false })
    void lane.submit(requestOf('call'))
    vi.advanceTimersByTime(0)
    const waits = submitJob(lane, 'waits')
    for (let ms = 0; ms < 900; ms += 100) {
      void lane.submit(requestOf('call'))
      vi.advanceTimersByTime(100)
      thread(0).finish()
    }
    thread(0).finish()
    assert.deepEqual(thread(0).current, ['waits'])
    thread(0).begin(0)
    let answer: ScoringAnswer | undefined
    void waits.then(told => {
      answer = told
    })
    vi.advanceTimersByTime(199)
    thread(0).begin(0) // its next slice
    await Promise.resolve()
    assert.equal(answer, undefined)
    vi.advanceTimersByTime(51)
    await Promise.resolve()
    assert.equal(textOf(answer as unknown as ScoringAnswer), 'SCORING_TIMEOUT')
    await lane.stop()
  })

  it('are not begun when nobody wants them any more', async () => {
    const { lane, thread } = readyLane()
    void lane.submit(requestOf('runs'))
    vi.advanceTimersByTime(0)
    let isCancelled = false
    const jobs = [submitJob(lane, 'cancelled', () => isCancelled), submitJob(lane, 'wanted')]
    isCancelled = true
    thread(0).finish()
    assert.deepEqual(thread(0).current, ['wanted'])
    thread(0).finish()
    assert.deepEqual((await Promise.all(jobs)).map(textOf), ['BODY_ABORTED', 'wanted'])
    await lane.stop()
  })

  it('let callers in between their slices, and join no slices of callers', async () => {
    const { lane, thread } = readyLane()
    const job = submitJob(lane, 'job')
    vi.advanceTimersByTime(0)
    const next = submitJob(lane, 'next job')
    const call = lane.submit(requestOf('call'))
    vi.advanceTimersByTime(0)
    thread(0).begin(0)
    thread(0).events.onRoom()
    assert.deepEqual(thread(0).current, ['job', 'call'])
    thread(0).events.onRoom()
    assert.deepEqual(thread(0).current, ['job', 'call'])
    thread(0).finish()
    assert.deepEqual(thread(0).current, ['next job'])
    thread(0).finish()
    assert.deepEqual((await Promise.all([job, call, next])).map(textOf), ['job', 'call', 'next job'])
    await lane.stop()
  })

  it('join the slices of callers that never end', async () => {
    const { lane, thread } = readyLane()
    void lane.submit(requestOf('long'))
    vi.advanceTimersByTime(0)
    const job = submitJob(lane, 'job')
    vi.advanceTimersByTime(1000)
    void lane.submit(requestOf('call'))
    thread(0).events.onRoom()
    assert.deepEqual(thread(0).current, ['long', 'job'])
    thread(0).events.onRoom()
    assert.deepEqual(thread(0).current, ['long', 'job', 'call'])
    thread(0).answer(1)
    assert.equal(textOf(await job), 'job')
    await lane.stop()
  })

  const endWhenBegun = (thread: FakeThread, text: string) => {
    thread.events.onLoaded(report)
    assert.deepEqual(thread.current, [text])
    thread.begin(0)
    thread.die()
  }

  it('run again when another one ended their thread, and are blamed for what they did', async () => {
    const { lane, thread } = readyLane()
    const job = submitJob(lane, 'job')
    vi.advanceTimersByTime(0)
    const call = lane.submit(requestOf('call'))
    thread(0).events.onRoom()
    thread(0).begin(1)
    thread(0).die()
    endWhenBegun(thread(1), 'call')
    assert.equal(textOf(await call), 'ENTRY_SCRIPT_ENDED_THREAD')
    endWhenBegun(thread(2), 'job')
    endWhenBegun(thread(3), 'job')
    assert.equal(textOf(await job), 'ENTRY_SCRIPT_ENDED_THREAD')
    await lane.stop()
  })

  it('are told when the service stops', async () => {
    const { lane } = readyLane()
    void lane.submit(requestOf('runs'))
    vi.advanceTimersByTime(0)
    const waits = submitJob(lane, 'waits')
    const stopped = lane.stop()
    assert.equal(textOf(await waits), 'SERVICE_STOPPING')
    assert.equal(textOf(await submitJob(lane, 'late')), 'SERVICE_STOPPING')
    vi.advanceTimersByTime(0)
    await stopped
  })

  it('count neither as waiting nor as dropped', async () => {
    const metrics = new ScoringMetrics()
    const { lane, thread } = readyLane({ metrics: metrics.ofService('iris') })
    void submitJob(lane, 'job')
    vi.advanceTimersByTime(0)
    const gone = submitJob(lane, 'gone', () => true)
    thread(0).finish()
    assert.equal(textOf(await gone), 'BODY_ABORTED')
    const page = new PrometheusPage(encodePrometheus(metrics.families))
    const counted = (name: string, labels = {}) => page.valueOf(name, { scoring_service: 'iris', ...labels })
    assert.equal(counted('scoring_queue_wait_seconds_count'), 0)
    assert.equal(counted('scoring_queue_dropped_total', { scoring_reason: 'abandoned' }), 0)
    await lane.stop()
  })
})
