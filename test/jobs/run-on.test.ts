import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import type { JobStep } from '../../src/jobs/message-queues.ts'
import { RunOn } from '../../src/jobs/run-on.ts'
import { MemoryQueues } from '../support/memory-queues.ts'
import { settle, VirtualClock } from '../support/virtual-clock.ts'

const stepOf = (queue: JobStep['queue']): JobStep => ({ queue, message: { service: 'iris', jobId: 'nightly-1' } })
const [split, chunk, finish] = [stepOf('split'), stepOf('chunk'), stepOf('finish')]

function openRunner(perform: (step: JobStep, clock: VirtualClock) => Promise<readonly JobStep[]>) {
  const clock = new VirtualClock()
  const queues = new MemoryQueues({ now: () => clock.wallMs() })
  const performed: string[] = []
  const log: string[] = []
  const stopping = new AbortController()
  const background = new Set<Promise<void>>()
  const runner = new RunOn({
    queues,
    clock,
    limits: { runOnMs: 3000, safetyNetMs: 30_000, slotWaitMs: 10_000 },
    stopping: stopping.signal,
    background,
    log: line => log.push(line),
    perform: step => {
      performed.push(step.queue)
      return perform(step, clock)
    },
  })
  /** Seconds until each message can be received, by queue. */
  const enqueued = () =>
    (['split', 'chunk', 'finish'] as const).flatMap(queue =>
      queues.peek(`scoring-job-${queue}`).map(({ visibleAt }) => [queue, (visibleAt - clock.wallMs()) / 1000] as const),
    )
  return { runner, performed, enqueued, log, stopping, background, clock, queues }
}

describe('RunOn.run', () => {
  it('runs the steps that follow from a step, without messages', async () => {
    const { runner, performed, enqueued } = openRunner(async ({ queue }) => {
      if (queue === 'split') return [chunk, chunk]
      return queue === 'chunk' && performed.length === 3 ? [finish] : []
    })
    await runner.run([split])
    assert.deepEqual(performed, ['split', 'chunk', 'chunk', 'finish'])
    assert.deepEqual(enqueued(), [])
  })

  it('enqueues what it has no time for', async () => {
    const { runner, performed, enqueued } = openRunner(async ({ queue }, clock) => {
      await clock.advance(queue === 'chunk' ? 3000 : 0)
      return { split: [chunk], chunk: [chunk, finish], finish: [] }[queue as 'split']
    })
    await runner.run([split])
    assert.deepEqual(performed, ['split', 'chunk'])
    assert.deepEqual(enqueued(), [
      ['chunk', 0],
      ['finish', 0],
    ])
  })

  it('runs the chunks of a small job together', async () => {
    const { promise: bothBegan, resolve } = Promise.withResolvers<void>()
    const { runner, performed } = openRunner(async ({ queue }) => {
      if (queue === 'split') return [chunk, chunk]
      if (performed.length === 3) resolve()
      await bothBegan
      return []
    })
    await runner.run([split])
    assert.deepEqual(performed, ['split', 'chunk', 'chunk'])
  })

  it('enqueues a step that fails, and goes on with the others', async () => {
    const { runner, performed, enqueued, log } = openRunner(async ({ queue }) => {
      if (queue === 'chunk') throw new Error('the storage is busy')
      return []
    })
    await runner.run([chunk, finish])
    assert.deepEqual(performed, ['chunk', 'finish'])
    assert.deepEqual(enqueued(), [['chunk', 0]])
    assert.deepEqual(log, ['job iris/nightly-1: the step "chunk" failed, and is enqueued: the storage is busy'])
  })

  it('begins nothing while the app stops', async () => {
    const { runner, performed, enqueued, stopping } = openRunner(async () => [])
    stopping.abort()
    await runner.run([finish])
    assert.deepEqual([performed, enqueued()], [[], [['finish', 0]]])
  })
})

describe('RunOn.prepare', () => {
  it('holds a message, begins when it is told to, and removes the message at the end', async () => {
    const { promise, resolve } = Promise.withResolvers<JobStep[]>()
    const { runner, performed, enqueued, clock } = openRunner(() => promise)
    const begin = await runner.prepare(split)
    assert.deepEqual([performed, enqueued()], [[], [['split', 30]]])
    begin()
    await clock.advance(100_000)
    assert.deepEqual([performed, enqueued()], [['split'], [['split', 20]]], 'held again each 15 s')
    resolve([])
    await settle()
    assert.deepEqual(enqueued(), [])
    assert.equal(clock.timerCount, 0)
  })

  it('leaves the step to others at once while the app stops', async () => {
    const { runner, performed, enqueued, stopping } = openRunner(async () => [])
    stopping.abort()
    const begin = await runner.prepare(split)
    assert.deepEqual(enqueued(), [['split', 0]])
    begin()
    await settle()
    assert.deepEqual([performed, enqueued()], [[], [['split', 0]]])
  })

  it('leaves the message to a receiver when what is left undone cannot be enqueued', async () => {
    const { runner, performed, enqueued, queues, clock } = openRunner(() => Promise.reject(new Error('no storage')))
    const begin = await runner.prepare(split)
    queues.hooks.before = ({ name }) => {
      if (name === 'send') throw new Error('no storage')
    }
    begin()
    await clock.advance(100_000)
    assert.deepEqual([performed, enqueued()], [['split'], [['split', -70]]])
  })

  it('lets the app wait, when it stops, until what is left undone is enqueued', async () => {
    let fail = () => {}
    const failed = new Promise<JobStep[]>((_, reject) => (fail = () => reject(new Error('the app stops'))))
    const { runner, enqueued, background } = openRunner(() => failed)
    ;(await runner.prepare(split))()
    assert.equal(background.size, 1)
    fail()
    await Promise.all(background)
    assert.deepEqual(enqueued(), [['split', 0]])
    assert.equal(background.size, 0)
  })

  it('lets a third job wait in the process, and leaves it to the queue when that takes too long', async () => {
    let end = () => {}
    const ended = new Promise<JobStep[]>(resolve => (end = () => resolve([])))
    const { runner, performed, enqueued, clock } = openRunner(({ queue }) =>
      queue === 'finish' ? Promise.resolve([]) : ended,
    )
    for (let job = 0; job < 4; job++) (await runner.prepare(split))()
    await runner.run([finish])
    assert.deepEqual(performed, ['split', 'split', 'finish'])
    await clock.advance(10_000)
    assert.deepEqual(enqueued(), [
      ['split', 20],
      ['split', 20],
      ['split', 0],
      ['split', 0],
    ])
    ;(await runner.prepare(split))()
    end()
    await settle()
    assert.deepEqual(performed, ['split', 'split', 'finish', 'split'])
  })

  it('leaves jobs to the queue when eight wait', async () => {
    const { runner, enqueued } = openRunner(() => new Promise(() => {}))
    for (let job = 0; job < 11; job++) (await runner.prepare(split))()
    assert.deepEqual(enqueued(), [...Array(10).fill(['split', 30]), ['split', 0]])
  })
})

describe('RunOn, with messages of several services', () => {
  const splitOf = (service: string): JobStep => ({ queue: 'split', message: { service, jobId: 'nightly-1' } })

  /** A runner whose steps end when they are told to: `services` that run, in the order in which they began. */
  function openStepwise() {
    const running: { readonly service: string | undefined; end(): void }[] = []
    const opened = openRunner(
      ({ message }) => new Promise(resolve => running.push({ service: message.service, end: () => resolve([]) })),
    )
    const services = () => running.map(({ service }) => service)
    return { ...opened, running, services }
  }

  it('begins jobs of callers beside those of messages', async () => {
    const { runner, services } = openStepwise()
    for (const service of ['a', 'b', 'c']) void runner.run([splitOf(service)], 'full')
    await settle()
    ;(await runner.prepare(splitOf('by hand')))()
    await settle()
    assert.deepEqual(services(), ['a', 'b', 'by hand'])
  })

  it('leaves a second message of a service to the queue, and lets one of another service wait for its turn', async () => {
    const { runner, services, running, enqueued } = openStepwise()
    for (const service of ['a', 'a', 'b', 'c']) void runner.run([splitOf(service)], 'fair')
    await settle()
    assert.deepEqual([services(), enqueued()], [['a', 'b'], [['split', 0]]])
    running[0]?.end()
    await settle()
    assert.deepEqual(services(), ['a', 'b', 'c'])
  })

  it('gives the service that has the fewest runs the next turn', async () => {
    const { runner, services, running } = openStepwise()
    for (const service of ['a', 'a', 'a', 'b']) void runner.run([splitOf(service)], 'full')
    await settle()
    running[0]?.end()
    await settle()
    assert.deepEqual(services(), ['a', 'a', 'b'])
  })

  it('leaves what waits to the queue when the app stops', async () => {
    const { runner, services, enqueued, stopping } = openStepwise()
    for (const service of ['a', 'b', 'c']) void runner.run([splitOf(service)], 'full')
    await settle()
    stopping.abort()
    await settle()
    assert.deepEqual([services(), enqueued()], [['a', 'b'], [['split', 0]]])
  })
})
