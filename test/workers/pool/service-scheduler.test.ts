import assert from 'node:assert/strict'
import { setImmediate as turn } from 'node:timers/promises'
import fc from 'fast-check'
import { afterEach, describe, it } from 'vitest'
import type { Failure, InferenceResult } from '../../../src/scheduling/inference-result.ts'
import type { SchedulerOptions, ServiceScheduler } from '../../../src/workers/pool/service-scheduler.ts'
import { delay, useUnhurriedClock } from '../../support/unhurried-clock.ts'
import { requestOf } from './fake-worker.ts'
import * as fixture from './scheduler-fixture.ts'

useUnhurriedClock()

let open: ServiceScheduler[] = []
afterEach(async () => {
  await Promise.all(open.map(scheduler => scheduler.stop()))
  open = []
})

function makeScheduler(options: Partial<SchedulerOptions> = {}) {
  const made = fixture.makeScheduler(options)
  open.push(made.scheduler)
  return made
}

async function readyScheduler(options: Partial<SchedulerOptions> = {}, isBatchable = true) {
  const made = fixture.readyScheduler(options, isBatchable)
  open.push(made.scheduler)
  return made
}

const textOf = (answer: InferenceResult) =>
  answer.kind === 'encoded' ? answer.body : answer.kind === 'failure' ? answer.code : answer.kind

describe('ServiceScheduler', () => {
  it('dispatches a single request at once to an idle worker', async () => {
    const { scheduler, worker } = await readyScheduler()
    const answer = scheduler.submit(requestOf('a'))
    await turn()
    assert.deepEqual(worker(0).dispatches, [['a']])
    worker(0).finish()
    assert.equal(textOf(await answer), 'a')
  })

  it('dispatches all that is queued, in order, when a worker becomes idle', async () => {
    const { scheduler, worker } = await readyScheduler()
    const answers = [scheduler.submit(requestOf('a'))]
    await turn()
    for (const text of ['b', 'c', 'd']) answers.push(scheduler.submit(requestOf(text)))
    await turn()
    worker(0).finish()
    worker(0).finish()
    assert.deepEqual(worker(0).dispatches, [['a'], ['b', 'c', 'd']])
    assert.deepEqual((await Promise.all(answers)).map(textOf), ['a', 'b', 'c', 'd'])
  })

  it('delays dispatch until maxRows requests are queued, where the service has a batch delay', async () => {
    const { scheduler, worker } = await readyScheduler({ batchDelay: { maxDelayMs: 60_000, maxRows: 3 } })
    const answers = [scheduler.submit(requestOf('a'))]
    await turn()
    answers.push(scheduler.submit(requestOf('b')))
    await turn()
    assert.deepEqual(worker(0).dispatches, [])
    answers.push(scheduler.submit(requestOf('c')))
    await turn()
    assert.deepEqual(worker(0).dispatches, [['a', 'b', 'c']])
    worker(0).finish()
    assert.deepEqual((await Promise.all(answers)).map(textOf), ['a', 'b', 'c'])
  })

  it('dispatches a request at the end of the batch delay', async () => {
    const { scheduler, worker } = await readyScheduler({ batchDelay: { maxDelayMs: 20, maxRows: 3 } })
    const answer = scheduler.submit(requestOf('a'))
    while (worker(0).dispatches.length === 0) await delay(5)
    worker(0).finish()
    assert.equal(textOf(await answer), 'a')
  })

  it('does not delay dispatch where rows cannot share a run', async () => {
    const { scheduler, worker } = await readyScheduler({ batchDelay: { maxDelayMs: 60_000, maxRows: 3 } }, false)
    void scheduler.submit(requestOf('a'))
    await turn()
    assert.deepEqual(worker(0).dispatches, [['a']])
  })

  it('queues requests that come while the service loads', async () => {
    const { scheduler, worker } = makeScheduler()
    const started = scheduler.start()
    const answer = scheduler.submit(requestOf('early'))
    await turn()
    assert.deepEqual(worker(0).dispatches, [])
    worker(0).load()
    await started
    worker(0).finish()
    assert.equal(textOf(await answer), 'early')
  })

  it('refuses at once what exceeds the queue', async () => {
    const { scheduler, worker } = await readyScheduler({ maxQueued: 2 })
    const waiting = [scheduler.submit(requestOf('a')), scheduler.submit(requestOf('b'))]
    assert.equal(textOf(await scheduler.submit(requestOf('c'))), 'QUEUE_FULL')
    await turn()
    worker(0).finish()
    await Promise.all(waiting)
  })

  it('does not start work whose caller has left', async () => {
    const { scheduler, worker } = await readyScheduler()
    const gone = scheduler.submit(requestOf('gone'), () => true)
    const there = scheduler.submit(requestOf('there'))
    await turn()
    assert.deepEqual(worker(0).dispatches, [['there']])
    worker(0).finish()
    assert.equal(textOf(await gone), 'BODY_ABORTED')
    await there
  })

  it('fails the request that crashes a worker again when it is dispatched by itself, and answers the others', async () => {
    const { scheduler, worker, workers } = await readyScheduler()
    const answers = ['a', 'bad', 'c'].map(text => scheduler.submit(requestOf(text)))
    await turn()
    worker(0).answer(0)
    worker(0).begin(1)
    worker(0).die()
    assert.equal(workers.length, 2)
    worker(1).load()
    assert.deepEqual(worker(1).dispatches, [['bad']])
    worker(1).begin(0)
    worker(1).die()
    worker(2).load()
    assert.deepEqual(worker(2).dispatches, [['c']])
    worker(2).finish()
    assert.deepEqual((await Promise.all(answers)).map(textOf), ['a', 'ENTRY_SCRIPT_ENDED_THREAD', 'c'])
  })

  it('retries a request whose worker crashed: an earlier request may have left something behind', async () => {
    const { scheduler, worker } = await readyScheduler()
    const answer = scheduler.submit(requestOf('harmless'))
    await turn()
    worker(0).begin(0)
    worker(0).die()
    worker(1).load()
    assert.deepEqual(worker(1).dispatches, [['harmless']])
    worker(1).finish()
    assert.equal(textOf(await answer), 'harmless')
  })

  it('never retries a request that has been run, however late its result comes', async () => {
    const { scheduler, worker, workers } = await readyScheduler({ timeoutMs: 400 })
    const answers = ['done', 'stuck', 'next'].map(text => scheduler.submit(requestOf(text)))
    await turn()
    worker(0).hasRun(0)
    worker(0).begin(1)
    while (workers.length < 2) await delay(5)
    worker(1).load()
    assert.deepEqual(worker(1).dispatches, [['next']])
    worker(1).finish()
    worker(0).answer(0)
    assert.deepEqual((await Promise.all(answers)).map(textOf), ['done', 'SCORING_TIMEOUT', 'next'])
  })

  it('does not retry a script whose result was lost with its worker, but a model', async () => {
    for (const hasEntryScript of [true, false]) {
      const { scheduler, worker } = await readyScheduler({ hasEntryScript })
      const answer = scheduler.submit(requestOf('done'))
      await turn()
      worker(0).hasRun(0)
      worker(0).die()
      worker(1).load()
      assert.deepEqual(worker(1).dispatches, hasEntryScript ? [] : [['done']])
      if (!hasEntryScript) worker(1).finish()
      assert.equal(textOf(await answer), hasEntryScript ? 'ENTRY_SCRIPT_ENDED_THREAD' : 'done')
    }
  })

  it('retries the requests of the run that crashed a worker one by one', async () => {
    const { scheduler, worker } = await readyScheduler()
    const answers = ['a', 'bad', 'c'].map(text => scheduler.submit(requestOf(text)))
    await turn()
    worker(0).begin(0, 1, 2)
    worker(0).die({ isOutOfMemory: true, detail: 'heap' })
    worker(1).load()
    worker(1).finish()
    assert.deepEqual(worker(1).dispatches.at(-1), ['bad'])
    worker(1).begin(0)
    worker(1).die({ isOutOfMemory: true, detail: 'heap' })
    worker(2).load()
    worker(2).finish()
    assert.deepEqual((await Promise.all(answers)).map(textOf), ['a', 'ENTRY_SCRIPT_OUT_OF_MEMORY', 'c'])
  })

  it('does not speak of a script where there is none', async () => {
    const ends = [
      { end: { isOutOfMemory: false, detail: 'exit code 1' }, said: /^The thread that scored this input ended\./ },
      { end: { isOutOfMemory: true, detail: 'heap' }, said: /^Scoring this input needed more than 1000 MiB/ },
    ] as const
    for (const { end, said } of ends) {
      const { scheduler, worker } = await readyScheduler({ hasEntryScript: false })
      const answer = scheduler.submit(requestOf('a'))
      await turn()
      for (const index of [0, 1]) {
        worker(index).begin(0)
        worker(index).die(end)
        worker(index + 1).load()
      }
      const { code, message } = (await answer) as Failure
      assert.equal(code, 'MODEL_RUN_FAILED')
      assert.match(message, said)
    }
  })

  it('ends and replaces a worker whose run exceeds the time limit', async () => {
    const { scheduler, worker, workers } = await readyScheduler({ timeoutMs: 40 })
    const answer = scheduler.submit(requestOf('loop'))
    await turn()
    worker(0).begin(0)
    assert.equal(textOf(await answer), 'SCORING_TIMEOUT')
    while (workers.length < 2) await turn() // the caller may hear of it first
    assert.ok(worker(0).isEnded)
  })

  it('gives nothing more to a worker that comes out of a long run only to end', async () => {
    const { scheduler, worker } = await readyScheduler({ timeoutMs: 100, hasEntryScript: false })
    worker(0).terminate = async () => {} // the run has to come to its end first
    const long = scheduler.submit(requestOf('long'))
    await turn()
    worker(0).begin(0)
    assert.equal(textOf(await long), 'SCORING_TIMEOUT')
    while (scheduler.activity.threads.ended === 0) await delay(1)
    worker(0).finish()
    const next = scheduler.submit(requestOf('next'))
    await turn()
    assert.deepEqual(worker(0).dispatches, [['long']])
    worker(0).die()
    worker(1).load()
    await turn()
    worker(1).finish()
    assert.equal(textOf(await next), 'next')
  })

  it('logs a run that goes on after its 504: the request, that nothing can stop it, and its end', async () => {
    const lines: string[] = []
    const { scheduler, worker } = await readyScheduler({
      timeoutMs: 100,
      hasEntryScript: false,
      log: line => lines.push(line),
    })
    worker(0).terminate = async () => {} // the run has to come to its end first
    const long = scheduler.submit({ ...requestOf('long'), id: 'endless-1' })
    await turn()
    worker(0).begin(0)
    assert.equal(textOf(await long), 'SCORING_TIMEOUT')
    while (scheduler.activity.runsGivenUp === 0) await delay(1)
    while (lines.length === 0) await delay(10)
    assert.match(lines[0] ?? '', /exceeded its limit \(timeout\) and goes on computing.*; running: request endless-1$/)
    worker(0).die()
    assert.equal(scheduler.activity.runsGivenUp, 0)
    assert.match(lines[1] ?? '', /ended \(timeout: .*\), \d+ s after it was given up; .*request endless-1$/)
  })

  it('answers what has waited too long with a timeout, without starting it', async () => {
    const { scheduler, worker } = await readyScheduler({ timeoutMs: 40 })
    const first = scheduler.submit(requestOf('first'))
    await turn()
    const second = scheduler.submit(requestOf('second'))
    assert.equal(textOf(await second), 'SCORING_TIMEOUT')
    assert.deepEqual(worker(0).dispatches, [['first']])
    assert.equal(textOf(await first), 'SCORING_TIMEOUT')
  })

  it('starts a further worker only while work waits and the limit allows', async () => {
    const { scheduler, workers, worker } = await readyScheduler({ maxThreads: 2 })
    const first = scheduler.submit(requestOf('a'))
    await turn()
    assert.equal(workers.length, 1)
    const second = scheduler.submit(requestOf('b'))
    await turn()
    assert.equal(workers.length, 2)
    worker(1).load()
    assert.deepEqual(worker(1).dispatches, [['b']])
    const third = scheduler.submit(requestOf('c'))
    await turn()
    assert.equal(workers.length, 2)
    worker(0).finish()
    worker(1).finish()
    worker(0).finish()
    assert.deepEqual((await Promise.all([first, second, third])).map(textOf), ['a', 'b', 'c'])
  })

  it('starts a further worker while a script is stuck', async () => {
    const { scheduler, worker, workers } = await readyScheduler()
    const stuck = scheduler.submit(requestOf('stuck'))
    await turn()
    worker(0).begin(0)
    worker(0).startedAt -= 2000
    const neighbour = scheduler.submit(requestOf('neighbour'))
    await turn()
    assert.equal(workers.length, 2)
    worker(1).load()
    worker(1).finish()
    assert.equal(textOf(await neighbour), 'neighbour')
    worker(0).finish()
    await stuck
  })

  it('does not end a worker that is one too many while a body streams out of it', async () => {
    const { scheduler, worker } = await readyScheduler()
    const stuck = scheduler.submit(requestOf('stuck'))
    await turn()
    worker(0).begin(0)
    worker(0).startedAt -= 2000
    const streamed = scheduler.submit(requestOf('streamed'))
    await turn()
    worker(1).load()
    worker(1).isStreaming = true
    worker(1).finish()
    await streamed
    worker(0).finish() // there are two, and one may be
    await stuck
    await turn()
    await turn()
    assert.deepEqual([worker(0).isEnded, worker(1).isEnded], [true, false])
  })

  it('prefers an idle worker out of which nothing streams', async () => {
    const { scheduler, worker } = await readyScheduler({ maxThreads: 2 })
    const first = ['a', 'b'].map(text => scheduler.submit(requestOf(text)))
    await turn()
    worker(0).begin(0)
    first.push(scheduler.submit(requestOf('c')))
    await turn()
    worker(1).load()
    worker(1).finish()
    worker(0).finish()
    await Promise.all(first)
    worker(0).isStreaming = true
    const next = scheduler.submit(requestOf('d'))
    await turn()
    assert.deepEqual(worker(1).current, ['d'])
    worker(1).finish()
    await next
  })

  it('takes back from a stuck worker what it has not begun', async () => {
    const { scheduler, worker, workers } = await readyScheduler({ timeoutMs: 400 })
    const stuck = scheduler.submit(requestOf('stuck'))
    const neighbour = scheduler.submit(requestOf('neighbour'))
    await turn()
    assert.deepEqual(worker(0).dispatches, [['stuck', 'neighbour']])
    worker(0).begin(0)
    while (workers.length < 2) await delay(5)
    worker(1).load()
    assert.deepEqual(worker(1).dispatches, [['neighbour']])
    worker(1).finish()
    assert.equal(textOf(await neighbour), 'neighbour')
    assert.equal(textOf(await stuck), 'SCORING_TIMEOUT')
  })

  it('leaves a request that takes long to decode on its worker, and takes it back when another one blocks that', async () => {
    const { scheduler, worker, workers } = await readyScheduler({ timeoutMs: 400 })
    void scheduler.submit(requestOf('a'))
    await turn()
    worker(0).finish()
    const answers = ['slow', 'stuck'].map(text => scheduler.submit(requestOf(text)))
    await turn()
    worker(0).decode(0)
    worker(0).answer(1)
    await delay(150)
    assert.equal(workers.length, 1)
    const next = ['slow too', 'stuck too'].map(text => scheduler.submit(requestOf(text)))
    worker(0).answer(0)
    worker(0).done()
    worker(0).decode(0)
    worker(0).begin(1)
    while (workers.length < 2) await delay(5)
    worker(1).load()
    while (worker(1).dispatches.length < 1) await delay(5)
    assert.deepEqual(worker(1).current, ['slow too'])
    worker(1).finish()
    assert.deepEqual((await Promise.all([...answers, ...next])).map(textOf), [
      'slow',
      'stuck',
      'slow too',
      'SCORING_TIMEOUT',
    ])
  })

  it('suspects what was being decoded when a worker crashes, and fails what was running when it was ended', async () => {
    const { scheduler, worker } = await readyScheduler()
    const answers = ['a', 'b', 'c'].map(text => scheduler.submit(requestOf(text)))
    await turn()
    worker(0).decode(0)
    worker(0).begin(1)
    worker(0).die()
    worker(1).load()
    assert.deepEqual(worker(1).current, ['a'])
    worker(1).decode(0)
    worker(1).die()
    worker(2).load()
    assert.equal(textOf((await answers[0]) as InferenceResult), 'ENTRY_SCRIPT_ENDED_THREAD')
    assert.deepEqual(worker(2).current, ['b'])
    worker(2).finish()
    worker(2).finish()
    assert.deepEqual((await Promise.all(answers.slice(1))).map(textOf), ['b', 'c'])
  })

  it('answers a request that only waited, however often others crash its worker', async () => {
    const { scheduler, worker } = await readyScheduler()
    const culprits = ['1', '2', '3', '4'].map(text => scheduler.submit(requestOf(text)))
    const harmless = scheduler.submit(requestOf('harmless'))
    await turn()
    for (const index of [0, 1, 2, 3, 4, 5, 6, 7]) {
      worker(index).begin(0)
      worker(index).die()
      worker(index + 1).load()
    }
    for (const answer of culprits) assert.equal(textOf(await answer), 'ENTRY_SCRIPT_ENDED_THREAD')
    worker(8).finish()
    assert.equal(textOf(await harmless), 'harmless')
  })

  it('says why it could not load, and refuses', async () => {
    const { scheduler, worker } = makeScheduler()
    const started = scheduler.start()
    const early = scheduler.submit(requestOf('early'))
    worker(0).failToLoad('no such file')
    await assert.rejects(started, /no such file/)
    assert.equal(scheduler.failure, 'no such file')
    assert.equal(textOf(await early), 'SERVICE_UNAVAILABLE')
  })

  it('goes on with the workers that it has when a further one cannot be loaded', async () => {
    const { scheduler, worker, workers } = await readyScheduler({ maxThreads: 2 })
    const first = scheduler.submit(requestOf('a'))
    await turn()
    const second = scheduler.submit(requestOf('b'))
    await turn()
    worker(1).die()
    worker(0).finish()
    assert.deepEqual([textOf(await first), scheduler.failure], ['a', undefined])
    worker(0).finish()
    assert.equal(textOf(await second), 'b')
    worker(0).die()
    await turn()
    assert.equal(workers.length, 3) // in place of the one that scored
    worker(2).failToLoad('no such file')
    assert.equal(scheduler.failure, 'no such file')
  })

  it('loads again at once, with requests queued, when a worker ends while it loads to replace another', async () => {
    const lines: string[] = []
    const { scheduler, worker, workers } = await readyScheduler({ log: line => lines.push(line) })
    worker(0).die()
    const answer = scheduler.submit(requestOf('a'))
    await turn()
    worker(1).die()
    assert.deepEqual([workers.length, scheduler.failure], [3, undefined])
    worker(2).load()
    worker(2).finish()
    assert.equal(textOf(await answer), 'a')
    worker(2).die()
    worker(3).die()
    const refused = scheduler.submit(requestOf('b'))
    await turn()
    worker(4).die() // once only: it may be no chance
    assert.equal(textOf(await refused), 'SERVICE_UNAVAILABLE')
    assert.match(lines.at(-1) ?? '', /could not be loaded again: its thread ended while loading: exit code 7/)
    assert.match(scheduler.failure ?? '', /its thread ended while loading: exit code 7/)
  })

  it('ends an init() that does not come back', async () => {
    const { scheduler, worker } = makeScheduler({ loadTimeoutMs: 40 })
    await assert.rejects(scheduler.start(), /longer than 40 ms/)
    await turn()
    assert.ok(worker(0).isEnded)
  })

  it('answers every request exactly once, whatever workers do', async () => {
    const steps = fc.array(fc.constantFrom('submit', 'turn', 'finish', 'answer', 'begin', 'die', 'load'), {
      maxLength: 60,
    })
    await fc.assert(
      fc.asyncProperty(steps, async script => {
        const { scheduler, workers } = await readyScheduler({ maxThreads: 2 })
        const answers: Promise<InferenceResult>[] = []
        const loaded = new Set(workers.slice(0, 1))
        const busy = () => workers.filter(worker => !worker.isEnded && worker.states.length > 0 && loaded.has(worker))
        const step = async (action: string) => {
          const [worker] = busy()
          if (action === 'submit') answers.push(scheduler.submit(requestOf(String(answers.length))))
          if (action === 'turn') await turn()
          if (action === 'load') {
            for (const fresh of workers.filter(each => !loaded.has(each) && !each.isEnded)) {
              loaded.add(fresh)
              fresh.load()
            }
          }
          if (!worker) return
          if (action === 'begin') worker.begin(0)
          if (action === 'die') worker.die()
          if (action === 'finish') {
            worker.states.length = 0
            worker.finish()
          }
        }
        for (const action of script) await step(action)
        for (let round = 0; round < 200; round++) for (const action of ['load', 'turn', 'finish']) await step(action)
        const all = await Promise.all(answers)
        for (const [index, answer] of all.entries()) {
          assert.ok(
            [answer.kind === 'encoded' && answer.body === String(index), answer.kind === 'failure'].includes(true),
          )
        }
        await scheduler.stop()
      }),
      { numRuns: 100 },
    )
  })
})
