import assert from 'node:assert/strict'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { MessageChannel } from 'node:worker_threads'
import { describe, it } from 'vitest'
import type { JobStep } from '../../../src/jobs/message-queues.ts'
import { RunOn } from '../../../src/jobs/run-on.ts'
import type { JobSteps } from '../../../src/jobs/steps.ts'
import { Calls } from '../../../src/jobs/thread/calls.ts'
import { ThreadEnded } from '../../../src/jobs/thread/failures.ts'
import type { StepFunctions } from '../../../src/jobs/thread/functions.ts'
import { RemoteSteps, serveSteps } from '../../../src/jobs/thread/remote-steps.ts'
import { MemoryQueues } from '../../support/memory-queues.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

describe('serveSteps', () => {
  it('leaves a step that was prepared, and not begun, to others at once when the app stops', async () => {
    const clock = new VirtualClock()
    const queues = new MemoryQueues({ now: () => clock.wallMs() })
    const [stopping, background] = [new AbortController(), new Set<Promise<void>>()]
    const performed: string[] = []
    const runner = new RunOn({
      queues,
      clock,
      limits: { runOnMs: 3000, safetyNetMs: 30_000, slotWaitMs: 10_000 },
      stopping: stopping.signal,
      background,
      log: line => assert.fail(line),
      perform: async ({ queue }) => {
        performed.push(queue)
        return []
      },
    })
    const functions = serveSteps({ runner } as unknown as JobSteps, { stopping, background })
    const message = { service: 'iris', jobId: 'nightly-1' }
    const prepared = await functions.prepare({ queue: 'split', message })
    await functions.stop()
    functions.begin(prepared) // by a caller who does not know of the stop yet
    await Promise.all(background)
    const left = queues.peek('scoring-job-split').map(({ text, visibleAt }) => [JSON.parse(text), visibleAt])
    assert.deepEqual([performed, left], [[], [[message, clock.wallMs()]]])
  })
})

describe('RemoteSteps', () => {
  const step = { queue: 'split', message: { service: 'iris', jobId: 'nightly-1' } } as const

  /** @param lives  how many threads end while they prepare a step, before one that does it */
  function open(lives: number) {
    const begun: JobStep[] = []
    const runner = { prepare: async (prepared: JobStep) => () => void begun.push(prepared) }
    const stop = { stopping: new AbortController(), background: new Set<Promise<void>>() }
    const functions = serveSteps({ runner } as never, stop)
    const ports: MessageChannel[] = []
    const steps = new RemoteSteps(() => {
      const channel = new MessageChannel()
      ports.push(channel)
      const calls = new Calls<StepFunctions>(channel.port1, () => ({}), { keepsAlive: false })
      if (ports.length <= lives) setImmediate(() => calls.end(new ThreadEnded('out of memory')))
      else new Calls(channel.port2, () => functions, { keepsAlive: true })
      return calls
    })
    return { steps, begun, close: () => ports.forEach(({ port1 }) => void port1.close()) }
  }

  it('has the next thread prepare a step when one ends meanwhile, because a caller waits', async () => {
    const { steps, begun, close } = open(1)
    const begin = await steps.runner.prepare(step)
    begin()
    while (begun.length === 0) await nextTurn()
    assert.deepEqual(begun, [step])
    close()
  })

  it('tells the caller to try again when that thread ends too', async () => {
    const { steps } = open(2)
    await assert.rejects(steps.runner.prepare(step), { code: 'JOBS_UNAVAILABLE', status: 503 })
  })
})
