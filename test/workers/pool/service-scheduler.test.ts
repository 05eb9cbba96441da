import assert from 'node:assert/strict'
import { setTimeout as delay, setImmediate as turn } from 'node:timers/promises'
import fc from 'fast-check'
import { afterEach, describe, it } from 'vitest'
import type { Failure, InferenceResult } from '../../../src/scheduling/inference-result.ts'
import type { SchedulerOptions, ServiceScheduler } from '../../../src/workers/pool/service-scheduler.ts'
import { requestOf } from './fake-worker.ts'
import * as fixture from './scheduler-fixture.ts'

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
  it('hands a lone request straight to the free thread', async () => {
    const { scheduler, thread } = await readyScheduler()
    const answer = scheduler.submit(requestOf('a'))
    await turn()
    assert.deepEqual(thread(0).dispatches, [['a']])
    thread(0).finish()
    assert.equal(textOf(await answer), 'a')
  })

  it('hands over all that waited, in order, when the thread becomes free', async () => {
    const { scheduler, thread } = await readyScheduler()
    const answers = [scheduler.submit(requestOf('a'))]
    await turn()
    for (const text of ['b', 'c', 'd']) answers.push(scheduler.submit(requestOf(text)))
    await turn()
    thread(0).finish()
    thread(0).finish()
    assert.deepEqual(thread(0).dispatches, [['a'], ['b', 'c', 'd']])
    assert.deepEqual((await Promise.all(answers)).map(textOf), ['a', 'b', 'c', 'd'])
  })

  it('keeps a free thread waiting for company, where the service wants that, until it is there', async () => {
    const { scheduler, thread } = await readyScheduler({ batchDelay: { maxDelayMs: 60_000, maxRows: 3 } })
    const answers = [scheduler.submit(requestOf('a'))]
    await turn()
    answers.push(scheduler.submit(requestOf('b')))
    await turn()
    assert.deepEqual(thread(0).dispatches, [])
    answers.push(scheduler.submit(requestOf('c')))
    await turn()
    assert.deepEqual(thread(0).dispatches, [['a', 'b', 'c']])
    thread(0).finish()
    assert.deepEqual((await Promise.all(answers)).map(textOf), ['a', 'b', 'c'])
  })

  it('hands a request over that has waited for company in vain', async () => {
    const { scheduler, thread } = await readyScheduler({ batchDelay: { maxDelayMs: 20, maxRows: 3 } })
    const answer = scheduler.submit(requestOf('a'))
    while (thread(0).dispatches.length === 0) await delay(5)
    thread(0).finish()
    assert.equal(textOf(await answer), 'a')
  })

  it('lets nobody wait for company where rows cannot share a run', async () => {
    const { scheduler, thread } = await readyScheduler({ batchDelay: { maxDelayMs: 60_000, maxRows: 3 } }, false)
    void scheduler.submit(requestOf('a'))
    await turn()
    assert.deepEqual(thread(0).dispatches, [['a']])
  })

  it('keeps requests that came while loading until the service is ready', async () => {
    const { scheduler, thread } = makeScheduler()
    const started = scheduler.start()
    const answer = scheduler.submit(requestOf('early'))
    await turn()
    assert.deepEqual(thread(0).dispatches, [])
    thread(0).load()
    await started
    thread(0).finish()
    assert.equal(textOf(await answer), 'early')
  })

  it('refuses at once what exceeds the queue', async () => {
    const { scheduler, thread } = await readyScheduler({ maxQueued: 2 })
    const waiting = [scheduler.submit(requestOf('a')), scheduler.submit(requestOf('b'))]
    assert.equal(textOf(await scheduler.submit(requestOf('c'))), 'QUEUE_FULL')
    await turn()
    thread(0).finish()
    await Promise.all(waiting)
  })

  it('does not start work whose caller has left', async () => {
    const { scheduler, thread } = await readyScheduler()
    const gone = scheduler.submit(requestOf('gone'), () => true)
    const there = scheduler.submit(requestOf('there'))
    await turn()
    assert.deepEqual(thread(0).dispatches, [['there']])
    thread(0).finish()
    assert.equal(textOf(await gone), 'BODY_ABORTED')
    await there
  })

  it('gives the error to the request that ends a thread alone too, and the others an answer', async () => {
    const { scheduler, thread, threads } = await readyScheduler()
    const answers = ['a', 'bad', 'c'].map(text => scheduler.submit(requestOf(text)))
    await turn()
    thread(0).answer(0)
    thread(0).begin(1)
    thread(0).die()
    assert.equal(threads.length, 2)
    thread(1).load()
    assert.deepEqual(thread(1).dispatches, [['bad']])
    thread(1).begin(0)
    thread(1).die()
    thread(2).load()
    assert.deepEqual(thread(2).dispatches, [['c']])
    thread(2).finish()
    assert.deepEqual((await Promise.all(answers)).map(textOf), ['a', 'ENTRY_SCRIPT_ENDED_THREAD', 'c'])
  })

  it('blames no request for what an earlier one of its thread had left behind', async () => {
    const { scheduler, thread } = await readyScheduler()
    const answer = scheduler.submit(requestOf('innocent'))
    await turn()
    thread(0).begin(0)
    thread(0).die()
    thread(1).load()
    assert.deepEqual(thread(1).dispatches, [['innocent']])
    thread(1).finish()
    assert.equal(textOf(await answer), 'innocent')
  })

  it('never runs again what has been run, however late its answer comes', async () => {
    const { scheduler, thread, threads } = await readyScheduler({ timeoutMs: 400 })
    const answers = ['done', 'stuck', 'next'].map(text => scheduler.submit(requestOf(text)))
    await turn()
    thread(0).hasRun(0)
    thread(0).begin(1)
    while (threads.length < 2) await delay(5)
    thread(1).load()
    assert.deepEqual(thread(1).dispatches, [['next']])
    thread(1).finish()
    thread(0).answer(0)
    assert.deepEqual((await Promise.all(answers)).map(textOf), ['done', 'SCORING_TIMEOUT', 'next'])
  })

  it('does not run a script again whose answer was lost with its thread, but a model', async () => {
    for (const hasEntryScript of [true, false]) {
      const { scheduler, thread } = await readyScheduler({ hasEntryScript })
      const answer = scheduler.submit(requestOf('done'))
      await turn()
      thread(0).hasRun(0)
      thread(0).die()
      thread(1).load()
      assert.deepEqual(thread(1).dispatches, hasEntryScript ? [] : [['done']])
      if (!hasEntryScript) thread(1).finish()
      assert.equal(textOf(await answer), hasEntryScript ? 'ENTRY_SCRIPT_ENDED_THREAD' : 'done')
    }
  })

  it('runs alone, one after the other, those that shared the run that ended the thread', async () => {
    const { scheduler, thread } = await readyScheduler()
    const answers = ['a', 'bad', 'c'].map(text => scheduler.submit(requestOf(text)))
    await turn()
    thread(0).begin(0, 1, 2)
    thread(0).die({ isOutOfMemory: true, detail: 'heap' })
    thread(1).load()
    thread(1).finish()
    assert.deepEqual(thread(1).dispatches.at(-1), ['bad'])
    thread(1).begin(0)
    thread(1).die({ isOutOfMemory: true, detail: 'heap' })
    thread(2).load()
    thread(2).finish()
    assert.deepEqual((await Promise.all(answers)).map(textOf), ['a', 'ENTRY_SCRIPT_OUT_OF_MEMORY', 'c'])
  })

  it('does not speak of a script where there is none', async () => {
    const ends = [
      { end: { isOutOfMemory: false, detail: 'exit code 1' }, said: /^The thread that scored this input ended\./ },
      { end: { isOutOfMemory: true, detail: 'heap' }, said: /^Scoring this input needed more than 1000 MiB/ },
    ] as const
    for (const { end, said } of ends) {
      const { scheduler, thread } = await readyScheduler({ hasEntryScript: false })
      const answer = scheduler.submit(requestOf('a'))
      await turn()
      for (const index of [0, 1]) {
        thread(index).begin(0)
        thread(index).die(end)
        thread(index + 1).load()
      }
      const { code, message } = (await answer) as Failure
      assert.equal(code, 'MODEL_RUN_FAILED')
      assert.match(message, said)
    }
  })

  it('ends and replaces a thread whose run exceeds the time limit', async () => {
    const { scheduler, thread, threads } = await readyScheduler({ timeoutMs: 40 })
    const answer = scheduler.submit(requestOf('loop'))
    await turn()
    thread(0).begin(0)
    assert.equal(textOf(await answer), 'SCORING_TIMEOUT')
    while (threads.length < 2) await turn() // the caller may hear of it first
    assert.ok(thread(0).isEnded)
  })

  it('gives nothing more to a thread that comes out of a long run only to end', async () => {
    const { scheduler, thread } = await readyScheduler({ timeoutMs: 100, hasEntryScript: false })
    thread(0).terminate = async () => {} // the run has to come to its end first
    const long = scheduler.submit(requestOf('long'))
    await turn()
    thread(0).begin(0)
    assert.equal(textOf(await long), 'SCORING_TIMEOUT')
    while (scheduler.activity.threads.ended === 0) await delay(1)
    thread(0).finish()
    const next = scheduler.submit(requestOf('next'))
    await turn()
    assert.deepEqual(thread(0).dispatches, [['long']])
    thread(0).die()
    thread(1).load()
    await turn()
    thread(1).finish()
    assert.equal(textOf(await next), 'next')
  })

  it('tells of a run that goes on after its 504: which request, that nothing stops it, and its end', async () => {
    const lines: string[] = []
    const { scheduler, thread } = await readyScheduler({
      timeoutMs: 100,
      hasEntryScript: false,
      log: line => lines.push(line),
    })
    thread(0).terminate = async () => {} // the run has to come to its end first
    const long = scheduler.submit({ ...requestOf('long'), id: 'endless-1' })
    await turn()
    thread(0).begin(0)
    assert.equal(textOf(await long), 'SCORING_TIMEOUT')
    while (scheduler.activity.runsGivenUp === 0) await delay(1)
    while (lines.length === 0) await delay(10)
    assert.match(lines[0] ?? '', /exceeded its limit \(timeout\) and goes on computing.*; running: request endless-1$/)
    thread(0).die()
    assert.equal(scheduler.activity.runsGivenUp, 0)
    assert.match(lines[1] ?? '', /ended \(timeout: .*\), \d+ s after it was given up; .*request endless-1$/)
  })

  it('answers what has waited too long with a timeout, without starting it', async () => {
    const { scheduler, thread } = await readyScheduler({ timeoutMs: 40 })
    const first = scheduler.submit(requestOf('first'))
    await turn()
    const second = scheduler.submit(requestOf('second'))
    assert.equal(textOf(await second), 'SCORING_TIMEOUT')
    assert.deepEqual(thread(0).dispatches, [['first']])
    assert.equal(textOf(await first), 'SCORING_TIMEOUT')
  })

  it('starts a further thread only while work waits and the limit allows', async () => {
    const { scheduler, threads, thread } = await readyScheduler({ maxThreads: 2 })
    const first = scheduler.submit(requestOf('a'))
    await turn()
    assert.equal(threads.length, 1)
    const second = scheduler.submit(requestOf('b'))
    await turn()
    assert.equal(threads.length, 2)
    thread(1).load()
    assert.deepEqual(thread(1).dispatches, [['b']])
    const third = scheduler.submit(requestOf('c'))
    await turn()
    assert.equal(threads.length, 2)
    thread(0).finish()
    thread(1).finish()
    thread(0).finish()
    assert.deepEqual((await Promise.all([first, second, third])).map(textOf), ['a', 'b', 'c'])
  })

  it('gives neighbours a thread of their own while a script is stuck', async () => {
    const { scheduler, thread, threads } = await readyScheduler()
    const stuck = scheduler.submit(requestOf('stuck'))
    await turn()
    thread(0).begin(0)
    thread(0).startedAt -= 2000
    const neighbour = scheduler.submit(requestOf('neighbour'))
    await turn()
    assert.equal(threads.length, 2)
    thread(1).load()
    thread(1).finish()
    assert.equal(textOf(await neighbour), 'neighbour')
    thread(0).finish()
    await stuck
  })

  it('does not end a thread that is one too many while a body streams out of it', async () => {
    const { scheduler, thread } = await readyScheduler()
    const stuck = scheduler.submit(requestOf('stuck'))
    await turn()
    thread(0).begin(0)
    thread(0).startedAt -= 2000
    const streamed = scheduler.submit(requestOf('streamed'))
    await turn()
    thread(1).load()
    thread(1).isStreaming = true
    thread(1).finish()
    await streamed
    thread(0).finish() // there are two, and one may be
    await stuck
    await turn()
    await turn()
    assert.deepEqual([thread(0).isEnded, thread(1).isEnded], [true, false])
  })

  it('hands over to a thread out of which nothing streams, if one is free', async () => {
    const { scheduler, thread } = await readyScheduler({ maxThreads: 2 })
    const first = ['a', 'b'].map(text => scheduler.submit(requestOf(text)))
    await turn()
    thread(0).begin(0)
    first.push(scheduler.submit(requestOf('c')))
    await turn()
    thread(1).load()
    thread(1).finish()
    thread(0).finish()
    await Promise.all(first)
    thread(0).isStreaming = true
    const next = scheduler.submit(requestOf('d'))
    await turn()
    assert.deepEqual(thread(1).current, ['d'])
    thread(1).finish()
    await next
  })

  it('takes back from a stuck thread what it has not begun', async () => {
    const { scheduler, thread, threads } = await readyScheduler({ timeoutMs: 400 })
    const stuck = scheduler.submit(requestOf('stuck'))
    const neighbour = scheduler.submit(requestOf('neighbour'))
    await turn()
    assert.deepEqual(thread(0).dispatches, [['stuck', 'neighbour']])
    thread(0).begin(0)
    while (threads.length < 2) await delay(5)
    thread(1).load()
    assert.deepEqual(thread(1).dispatches, [['neighbour']])
    thread(1).finish()
    assert.equal(textOf(await neighbour), 'neighbour')
    assert.equal(textOf(await stuck), 'SCORING_TIMEOUT')
  })

  it('leaves a body that takes long to decode where it is, and takes it back when another one keeps the thread', async () => {
    const { scheduler, thread, threads } = await readyScheduler({ timeoutMs: 400 })
    void scheduler.submit(requestOf('a'))
    await turn()
    thread(0).finish()
    const answers = ['slow', 'stuck'].map(text => scheduler.submit(requestOf(text)))
    await turn()
    thread(0).decode(0)
    thread(0).answer(1)
    await delay(150)
    assert.equal(threads.length, 1)
    const next = ['slow too', 'stuck too'].map(text => scheduler.submit(requestOf(text)))
    thread(0).answer(0)
    thread(0).done()
    thread(0).decode(0)
    thread(0).begin(1)
    while (threads.length < 2) await delay(5)
    thread(1).load()
    while (thread(1).dispatches.length < 1) await delay(5)
    assert.deepEqual(thread(1).current, ['slow too'])
    thread(1).finish()
    assert.deepEqual((await Promise.all([...answers, ...next])).map(textOf), [
      'slow',
      'stuck',
      'slow too',
      'SCORING_TIMEOUT',
    ])
  })

  it('suspects what was being decoded when a thread ends by itself, and blames what kept it when it was ended', async () => {
    const { scheduler, thread } = await readyScheduler()
    const answers = ['a', 'b', 'c'].map(text => scheduler.submit(requestOf(text)))
    await turn()
    thread(0).decode(0)
    thread(0).begin(1)
    thread(0).die()
    thread(1).load()
    assert.deepEqual(thread(1).current, ['a'])
    thread(1).decode(0)
    thread(1).die()
    thread(2).load()
    assert.equal(textOf((await answers[0]) as InferenceResult), 'ENTRY_SCRIPT_ENDED_THREAD')
    assert.deepEqual(thread(2).current, ['b'])
    thread(2).finish()
    thread(2).finish()
    assert.deepEqual((await Promise.all(answers.slice(1))).map(textOf), ['b', 'c'])
  })

  it('answers what only waited, however often others end its thread', async () => {
    const { scheduler, thread } = await readyScheduler()
    const guilty = ['1', '2', '3', '4'].map(text => scheduler.submit(requestOf(text)))
    const innocent = scheduler.submit(requestOf('innocent'))
    await turn()
    for (const index of [0, 1, 2, 3, 4, 5, 6, 7]) {
      thread(index).begin(0)
      thread(index).die()
      thread(index + 1).load()
    }
    for (const answer of guilty) assert.equal(textOf(await answer), 'ENTRY_SCRIPT_ENDED_THREAD')
    thread(8).finish()
    assert.equal(textOf(await innocent), 'innocent')
  })

  it('says why it could not load, and refuses', async () => {
    const { scheduler, thread } = makeScheduler()
    const started = scheduler.start()
    const early = scheduler.submit(requestOf('early'))
    thread(0).failToLoad('no such file')
    await assert.rejects(started, /no such file/)
    assert.equal(scheduler.failure, 'no such file')
    assert.equal(textOf(await early), 'SERVICE_UNAVAILABLE')
  })

  it('goes on with the threads that it has when a further one cannot be loaded', async () => {
    const { scheduler, thread, threads } = await readyScheduler({ maxThreads: 2 })
    const first = scheduler.submit(requestOf('a'))
    await turn()
    const second = scheduler.submit(requestOf('b'))
    await turn()
    thread(1).die()
    thread(0).finish()
    assert.deepEqual([textOf(await first), scheduler.failure], ['a', undefined])
    thread(0).finish()
    assert.equal(textOf(await second), 'b')
    thread(0).die()
    await turn()
    assert.equal(threads.length, 3) // in place of the one that scored
    thread(2).failToLoad('no such file')
    assert.equal(scheduler.failure, 'no such file')
  })

  it('loads at once again, and lets requests wait, when a thread ends while it loads in place of another one', async () => {
    const lines: string[] = []
    const { scheduler, thread, threads } = await readyScheduler({ log: line => lines.push(line) })
    thread(0).die()
    const answer = scheduler.submit(requestOf('a'))
    await turn()
    thread(1).die()
    assert.deepEqual([threads.length, scheduler.failure], [3, undefined])
    thread(2).load()
    thread(2).finish()
    assert.equal(textOf(await answer), 'a')
    thread(2).die()
    thread(3).die()
    const refused = scheduler.submit(requestOf('b'))
    await turn()
    thread(4).die() // once only: it may be no chance
    assert.equal(textOf(await refused), 'SERVICE_UNAVAILABLE')
    assert.match(lines.at(-1) ?? '', /could not be loaded again: its thread ended while loading: exit code 7/)
    assert.match(scheduler.failure ?? '', /its thread ended while loading: exit code 7/)
  })

  it('ends an init() that does not come back', async () => {
    const { scheduler, thread } = makeScheduler({ loadTimeoutMs: 40 })
    await assert.rejects(scheduler.start(), /longer than 40 ms/)
    await turn()
    assert.ok(thread(0).isEnded)
  })

  it('answers every request exactly once, whatever threads do', async () => {
    const steps = fc.array(fc.constantFrom('submit', 'turn', 'finish', 'answer', 'begin', 'die', 'load'), {
      maxLength: 60,
    })
    await fc.assert(
      fc.asyncProperty(steps, async script => {
        const { scheduler, threads } = await readyScheduler({ maxThreads: 2 })
        const answers: Promise<InferenceResult>[] = []
        const loaded = new Set(threads.slice(0, 1))
        const busy = () => threads.filter(thread => !thread.isEnded && thread.states.length > 0 && loaded.has(thread))
        const step = async (action: string) => {
          const [thread] = busy()
          if (action === 'submit') answers.push(scheduler.submit(requestOf(String(answers.length))))
          if (action === 'turn') await turn()
          if (action === 'load') {
            for (const fresh of threads.filter(each => !loaded.has(each) && !each.isEnded)) {
              loaded.add(fresh)
              fresh.load()
            }
          }
          if (!thread) return
          if (action === 'begin') thread.begin(0)
          if (action === 'die') thread.die()
          if (action === 'finish') {
            thread.states.length = 0
            thread.finish()
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
