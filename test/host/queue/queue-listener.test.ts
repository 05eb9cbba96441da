import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'vitest'
import { type HeldMessage, HeldMessages, type Holding } from '../../../src/host/queue/held-messages.ts'
import type { QueueMessage } from '../../../src/host/queue/queue.ts'
import { PollingDelay, QueueListener, type QueueListenerOptions } from '../../../src/host/queue/queue-listener.ts'
import type { QueueSettings } from '../../../src/host/queue/queue-settings.ts'
import { MemoryQueue } from '../../support/memory-queue.ts'
import { MortalHost } from '../../support/mortal-host.ts'
import { settle, VirtualClock } from '../../support/virtual-clock.ts'

const minute = 60_000
const settings: QueueSettings = {
  batchSize: 2,
  newBatchThreshold: 1,
  maxDequeueCount: 3,
  visibilityTimeoutMs: 30_000,
  maxPollingIntervalMs: minute,
  messageEncoding: 'none',
}

/** A listener on two queues in memory, whose runs end when the test says so. */
function setUp(changes: Partial<QueueListenerOptions> = {}) {
  const clock = new VirtualClock()
  const queue = new MemoryQueue('work', clock)
  const poison = new MemoryQueue('work-poison', clock)
  const runs: { text: string; dequeueCount: number; end: (hasSucceeded: boolean) => void }[] = []
  const warnings: string[] = []
  let poisonCount = 0
  const listener = new QueueListener({
    queue,
    poison,
    settings,
    invisibleMs: 10 * minute,
    clock,
    random: () => 0.5,
    warn: text => warnings.push(text),
    onPoison: () => poisonCount++,
    run: ({ dequeueCount }, text) => new Promise(end => runs.push({ text, dequeueCount, end })),
    ...changes,
  })
  const end = async (text: string, hasSucceeded: boolean) => {
    const [run] = runs.splice(
      runs.findIndex(each => each.text === text),
      1,
    )
    run!.end(hasSucceeded)
    await clock.advance(0)
  }
  const texts = () => runs.map(({ text }) => text)
  return { clock, queue, poison, listener, runs, texts, end, warnings, poisonCount: () => poisonCount }
}

describe('PollingDelay', () => {
  it('begins with 100 ms, grows to the maximum, and starts over after a message', () => {
    const delay = new PollingDelay(2000, () => 0.5)
    const next = (hasFound = false) => delay.nextMs(hasFound)
    assert.deepEqual(
      [next(), next(), next(), next(), next(), next(), next(), next()],
      [100, 200, 300, 500, 900, 1700, 2000, 2000],
    )
    assert.deepEqual([next(true), next(), next()], [100, 200, 300])
  })

  it('varies by a fifth', () => {
    const shortest = new PollingDelay(60_000, () => 0)
    const longest = new PollingDelay(60_000, () => 1)
    for (const delay of [shortest, longest]) delay.nextMs(true)
    assert.deepEqual([shortest.nextMs(false), longest.nextMs(false)], [180, 220])
  })
})

describe('QueueListener', () => {
  it('tells what it holds, with the newest receipt, and takes back what an earlier process held', async () => {
    const told: Holding[] = []
    const { clock, queue, listener, texts, end } = setUp({ held: new HeldMessages(holding => told.push(holding)) })
    await queue.send('one')
    listener.start()
    await clock.advance(5 * minute + 1000)
    const held = told.flatMap(each => (each.type === 'holds' ? [each.message] : []))
    assert.deepEqual(
      held.map(({ queueName, id }) => [queueName, id]),
      Array(2).fill(['work', held[0]?.id]),
    )
    assert.notEqual(held[0]?.popReceipt, held[1]?.popReceipt, 'it was renewed')
    await listener.takeBack(held[0] as HeldMessage)
    assert.deepEqual(texts(), ['one'], 'an old receipt has no effect')
    await listener.takeBack(held[1] as HeldMessage)
    await clock.advance(1000)
    assert.deepEqual(texts(), ['one', 'one'])
    await end('one', true)
    assert.deepEqual(told.at(-1), { type: 'released', id: held[0]?.id })
    await end('one', true)
    await listener.stop()
  })

  it('deletes a message after a run that succeeded', async () => {
    const { clock, queue, poison, listener, texts, end } = setUp()
    await queue.send('one')
    listener.start()
    await clock.advance(0)
    assert.deepEqual(texts(), ['one'])
    await end('one', true)
    assert.deepEqual([queue.texts, poison.texts], [[], []])
  })

  it('polls at once when it is woken', async () => {
    const { clock, queue, listener, texts, end } = setUp()
    listener.start()
    await clock.advance(10 * minute) // the pauses have grown to a minute
    await queue.send('one')
    listener.wake()
    await settle()
    assert.deepEqual(texts(), ['one'])
    await end('one', true)
    const stopped = listener.stop()
    await clock.advance(minute)
    await stopped
  })

  it('hides a message for visibilityTimeout after a run that failed, and moves it to the poison queue after the last', async () => {
    const { clock, queue, poison, listener, runs, end, warnings, poisonCount } = setUp()
    await queue.send('one')
    listener.start()
    await clock.advance(0)
    for (const count of [1, 2]) {
      assert.deepEqual([runs.length, runs[0]?.dequeueCount], [1, count])
      await end('one', false)
      await clock.advance(29_000)
      assert.equal(runs.length, 0)
      await clock.advance(61_000)
    }
    assert.equal(poisonCount(), 0)
    await end('one', false)
    assert.deepEqual([queue.texts, poison.texts, poisonCount()], [[], ['one'], 1])
    assert.match(warnings[0]!, /has reached MaxDequeueCount of 3. Moving message to queue 'work-poison'\.$/)
  })

  it('renews the invisibility of a message while its function runs', async () => {
    const { clock, queue, listener, runs, end } = setUp()
    await queue.send('one')
    listener.start()
    await clock.advance(61 * minute)
    assert.equal(runs.length, 1)
    await end('one', true)
    assert.deepEqual(queue.texts, [])
  })

  it('delivers a message again ten minutes after its host died, and moves one that killed its host too often to the poison queue without a run', async () => {
    const clock = new VirtualClock()
    const queue = new MemoryQueue('work', clock)
    const poison = new MemoryQueue('work-poison', clock)
    await queue.send('deadly')
    const runAt: number[] = []
    for (let host = 1; host <= 4; host++) {
      const mortal = new MortalHost(clock)
      const { listener } = setUp({
        clock: mortal.clock,
        queue: mortal.reach(queue),
        poison: mortal.reach(poison),
        run: () => {
          runAt.push(Math.round(clock.monotonicMs() / minute))
          mortal.die()
          return new Promise(() => {})
        },
      })
      listener.start()
      await clock.advance(11 * minute)
      mortal.die()
    }
    assert.deepEqual([runAt.length, runAt[0], queue.texts, poison.texts], [3, 0, [], ['deadly']])
    assert.ok(runAt[1]! >= 10 && runAt[1]! <= 12)
  })

  it('runs a batch at once, and the next when newBatchThreshold are running', async () => {
    const { clock, queue, listener, texts, end } = setUp()
    for (const text of ['a', 'b', 'c', 'd', 'e']) await queue.send(text)
    listener.start()
    await clock.advance(minute)
    assert.deepEqual(texts(), ['a', 'b'])
    await end('a', true)
    assert.deepEqual(texts(), ['b', 'c', 'd'])
    await end('b', true)
    assert.deepEqual(texts(), ['c', 'd'])
    await end('d', true)
    assert.deepEqual(texts(), ['c', 'e'])
  })

  it('polls at once when it is woken', async () => {
    const { clock, queue, listener, texts } = setUp()
    listener.start()
    await clock.advance(10 * minute) // the pauses are a minute long now
    await queue.send('one')
    await clock.advance(10)
    assert.deepEqual(texts(), [])
    listener.wake()
    await clock.advance(0)
    assert.deepEqual(texts(), ['one'])
  })

  it('moves a body that does not decode to the poison queue unchanged, without a run', async () => {
    const { clock, queue, poison, listener, texts, warnings } = setUp({
      settings: { ...settings, messageEncoding: 'base64' },
    })
    const latin1 = Buffer.from('grün', 'latin1').toString('base64')
    for (const text of ['{"a":1}', 'YQ', latin1, 'YWI=']) await queue.send(text)
    listener.start()
    await clock.advance(minute)
    assert.deepEqual([texts(), poison.texts, warnings.length], [['ab'], ['{"a":1}', 'YQ', latin1], 3])
  })

  it('leaves a message in the queue when another host has it meanwhile', async () => {
    const { clock, queue, poison, listener, runs, end } = setUp()
    await queue.send('one')
    listener.start()
    await clock.advance(0)
    queue.takeAway('one')
    await end('one', true)
    assert.deepEqual([queue.texts, poison.texts], [['one'], []])
    await clock.advance(11 * minute)
    assert.deepEqual([runs.length, runs[0]?.dequeueCount], [1, 2])
  })

  it('retries without end, every ten minutes, what fails in a queue without a poison queue', async () => {
    const { clock, queue, listener, runs, end } = setUp({ poison: undefined })
    await queue.send('one')
    listener.start()
    for (let count = 1; count <= 5; count++) {
      await clock.advance(12 * minute)
      assert.deepEqual([runs.length, runs[0]?.dequeueCount], [1, count])
      await end('one', false)
      await clock.advance(minute)
      assert.equal(runs.length, 0)
    }
  })

  it('receives nothing more when it stops, and waits for runs in progress', async () => {
    const { clock, queue, listener, texts, end } = setUp()
    await queue.send('one')
    listener.start()
    await clock.advance(minute)
    let hasStopped = false
    listener.stop().then(() => {
      hasStopped = true
    })
    await queue.send('two')
    await clock.advance(10 * minute)
    assert.deepEqual([texts(), hasStopped], [['one'], false])
    await end('one', true)
    assert.deepEqual([hasStopped, queue.texts], [true, ['two']])
  })

  it('makes messages visible again that it receives while it begins to stop', async () => {
    const clock = new VirtualClock()
    class Slow extends MemoryQueue {
      override async receive(...args: Parameters<MemoryQueue['receive']>) {
        const messages = await super.receive(...args)
        await new Promise<void>(resolve => clock.after(1000, resolve))
        return messages
      }
    }
    const queue = new Slow('work', clock)
    const { listener, runs } = setUp({ clock, queue })
    await queue.send('one')
    listener.start()
    const stopped = listener.stop()
    await clock.advance(1000)
    await stopped
    const received = queue.receive(1, minute)
    await clock.advance(1000)
    assert.deepEqual([runs.length, (await received).map(({ text }) => text)], [0, ['one']])
  })

  it('warns once of an outage, and goes on when it is over', async () => {
    const clock = new VirtualClock()
    let isDown = true
    class Unreliable extends MemoryQueue {
      override async receive(...args: Parameters<MemoryQueue['receive']>) {
        if (isDown) throw new Error('storage failed with 503 ServerBusy')
        return super.receive(...args)
      }
    }
    const queue = new Unreliable('work', clock)
    const { listener, runs, warnings } = setUp({ clock, queue })
    await queue.send('one')
    listener.start()
    await clock.advance(10 * minute)
    assert.equal(warnings.length, 1)
    assert.match(warnings[0]!, /^Queue 'work' cannot be read: storage failed with 503 ServerBusy/)
    isDown = false
    await clock.advance(minute)
    assert.deepEqual([runs.length, warnings.slice(1)], [1, ["Queue 'work' can be read again."]])
  })

  it('loses no message, runs none more often than maxDequeueCount, and never too many at once, whatever fails and dies', async () => {
    const life = fc.record({ ms: fc.integer({ min: 1, max: 40 * minute }), deadlyRun: fc.option(fc.nat(5)) })
    const work = fc.record({
      ms: fc.integer({ min: 0, max: 15 * minute }),
      successAt: fc.option(fc.integer({ min: 1, max: 6 })),
    })
    const scenario = fc.record({
      batchSize: fc.integer({ min: 1, max: 4 }),
      newBatchThreshold: fc.nat(3),
      maxDequeueCount: fc.integer({ min: 1, max: 4 }),
      work: fc.array(work, { minLength: 1, maxLength: 8 }),
      lives: fc.array(life, { maxLength: 4 }),
      faults: fc.infiniteStream(fc.constantFrom('none', 'none', 'none', 'before', 'after')),
    })
    await fc.assert(
      fc.asyncProperty(scenario, async ({ work, lives, faults, ...limits }) => {
        const clock = new VirtualClock()
        const queue = new MemoryQueue('work', clock)
        const poison = new MemoryQueue('work-poison', clock)
        const runCounts = work.map(() => 0)
        const succeeded = new Set<string>()
        for (const index of work.keys()) await queue.send(String(index))
        let most = 0
        const live = async (ms: number, deadlyRun: number | null) => {
          const host = new MortalHost(clock, faults)
          let running = 0
          let runsOfHost = 0
          const run = async (_: QueueMessage, text: string) => {
            const { ms, successAt } = work[Number(text)]!
            const count = ++runCounts[Number(text)]!
            most = Math.max(most, ++running)
            if (runsOfHost++ === deadlyRun) host.die()
            await new Promise<void>(resolve => host.clock.after(ms, resolve))
            running--
            const isGood = successAt !== null && count >= successAt
            if (isGood) succeeded.add(text)
            return isGood
          }
          const settings_ = { ...settings, ...limits }
          const changes = {
            clock: host.clock,
            queue: host.reach(queue),
            poison: host.reach(poison),
            settings: settings_,
            run,
          }
          setUp(changes).listener.start()
          await clock.advance(ms)
          host.die()
        }
        for (const { ms, deadlyRun } of lives) await live(ms, deadlyRun)
        for (let round = 0; round < 50 && queue.texts.length > 0; round++) await live(60 * minute, null)

        assert.deepEqual(queue.texts, [], 'every message comes to an end')
        for (const index of work.keys()) {
          const text = String(index)
          assert.ok(succeeded.has(text) || poison.texts.includes(text), `message ${text} is lost`)
          assert.ok(runCounts[index]! <= limits.maxDequeueCount, `message ${text} ran ${runCounts[index]} times`)
        }
        assert.ok(most <= limits.batchSize + limits.newBatchThreshold, `${most} ran at once`)
        await settle()
      }),
      { numRuns: 60 },
    )
  })
})
