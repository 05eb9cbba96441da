import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { RunOn } from '../../../src/jobs/run-on.ts'
import type { JobSteps } from '../../../src/jobs/steps.ts'
import { serveSteps } from '../../../src/jobs/thread/remote-steps.ts'
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
