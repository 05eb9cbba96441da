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
    limits: { runOnMs: 3000, safetyNetMs: 30_000 },
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
  return { runner, performed, enqueued, log, stopping, background }
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
      return queue === 'split' ? [chunk, chunk, finish] : []
    })
    await runner.run([split])
    assert.deepEqual(performed, ['split', 'chunk'])
    assert.deepEqual(enqueued(), [
      ['chunk', 0],
      ['finish', 0],
    ])
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
  it('leaves a delayed message, and begins when it is told to', async () => {
    const { runner, performed, enqueued } = openRunner(async () => [])
    const begin = await runner.prepare(split)
    assert.deepEqual([performed, enqueued()], [[], [['split', 30]]])
    begin()
    await settle()
    assert.deepEqual(performed, ['split'])
  })

  it('lets the app wait, when it stops, until what is left undone is enqueued', async () => {
    let fail = () => {}
    const failed = new Promise<JobStep[]>((_, reject) => (fail = () => reject(new Error('the app stops'))))
    const { runner, enqueued, background } = openRunner(() => failed)
    ;(await runner.prepare(split))()
    assert.equal(background.size, 1)
    fail()
    await Promise.all(background)
    assert.deepEqual(enqueued(), [
      ['split', 30],
      ['split', 0],
    ])
    assert.equal(background.size, 0)
  })

  it('leaves a third job to the queue while two are running, but finishes jobs', async () => {
    let end = () => {}
    const ended = new Promise<JobStep[]>(resolve => (end = () => resolve([])))
    const { runner, performed, enqueued } = openRunner(({ queue }) =>
      queue === 'finish' ? Promise.resolve([]) : ended,
    )
    for (let job = 0; job < 3; job++) (await runner.prepare(split))()
    await runner.run([chunk, finish])
    assert.deepEqual(performed, ['split', 'split', 'finish'])
    assert.deepEqual(enqueued(), [
      ['split', 30],
      ['split', 30],
      ['split', 0],
      ['chunk', 0],
    ])
    end()
    await settle()
    await runner.run([chunk])
    assert.deepEqual(performed, ['split', 'split', 'finish', 'chunk'])
  })
})
