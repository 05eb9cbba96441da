import assert from 'node:assert/strict'
import { setImmediate as turn } from 'node:timers/promises'
import { describe, it, type TestContext } from 'vitest'
import type { SchedulerOptions } from '../../../src/workers/pool/service-scheduler.ts'
import { delay, useUnhurriedClock } from '../../support/unhurried-clock.ts'
import { requestOf } from './fake-worker.ts'
import * as fixture from './scheduler-fixture.ts'

useUnhurriedClock()

const timeoutMs = 40

/** A scheduler in a process whose inspector opens and closes on request. */
function makeScheduler(test: TestContext, options: Partial<SchedulerOptions> = {}) {
  let isOpen = true
  const made = fixture.makeScheduler({ timeoutMs, isDebugged: () => isOpen, ...options })
  test.onTestFinished(() => made.scheduler.stop())
  const setOpen = (value: boolean) => {
    isOpen = value
  }
  return { ...made, setOpen }
}

function readyScheduler(test: TestContext, options: Partial<SchedulerOptions> = {}) {
  const made = makeScheduler(test, options)
  void made.scheduler.start()
  made.worker(0).load()
  return made
}

describe('ServiceScheduler in a process whose inspector is open', () => {
  it('answers a run that was stopped for longer than any time limit', async test => {
    const { scheduler, worker } = readyScheduler(test)
    const answer = scheduler.submit(requestOf('a'), () => false, { timeoutMs: 10, since: Date.now() })
    await turn()
    worker(0).begin(0)
    await delay(3 * timeoutMs)
    worker(0).finish()
    assert.equal((await answer).kind, 'encoded')
  })

  it('spares a request that was sent before it opened', async test => {
    const { scheduler, worker, setOpen } = readyScheduler(test)
    setOpen(false)
    const answer = scheduler.submit(requestOf('a'), () => false, { timeoutMs: 30, since: Date.now() })
    await turn()
    worker(0).begin(0)
    setOpen(true)
    await delay(3 * timeoutMs)
    worker(0).finish()
    assert.equal((await answer).kind, 'encoded')
  })

  it('ends a run that is over its limit once it closes', async test => {
    const { scheduler, worker, setOpen } = readyScheduler(test)
    const answer = scheduler.submit(requestOf('a'))
    await turn()
    worker(0).begin(0)
    await delay(2 * timeoutMs)
    assert.equal(worker(0).isEnded, false)
    setOpen(false)
    const result = await answer
    assert.equal(result.kind === 'failure' && result.code, 'SCORING_TIMEOUT')
  })

  it('lets init() take any time', async test => {
    const { scheduler, worker } = makeScheduler(test, { loadTimeoutMs: 20 })
    const loaded = scheduler.start()
    await delay(60)
    worker(0).load()
    await loaded
  })

  it('keeps to one worker', async test => {
    const { scheduler, worker, workers } = readyScheduler(test, { maxThreads: 4 })
    const answers = [scheduler.submit(requestOf('a')), scheduler.submit(requestOf('b'))]
    await turn()
    worker(0).begin(0)
    answers.push(scheduler.submit(requestOf('c')))
    await delay(2 * timeoutMs)
    assert.equal(workers.length, 1)
    while (worker(0).dispatches.flat().length < 3) {
      worker(0).finish()
      await turn()
    }
    worker(0).finish()
    assert.deepEqual(
      (await Promise.all(answers)).map(({ kind }) => kind),
      ['encoded', 'encoded', 'encoded'],
    )
  })

  it('does not take the time at a break point for the cost of a request', async test => {
    let now = 0
    const { scheduler, worker } = readyScheduler(test, { now: () => now, maxQueueWaitMs: 1000 })
    const first = scheduler.submit(requestOf('a'))
    await turn()
    now += 600_000
    worker(0).finish()
    await first
    const answers = ['b', 'c', 'd'].map(text => scheduler.submit(requestOf(text)))
    await turn()
    assert.deepEqual(worker(0).dispatches.slice(1), [['b', 'c', 'd']])
    worker(0).finish()
    assert.ok((await Promise.all(answers)).every(({ kind }) => kind === 'encoded'))
  })
})
