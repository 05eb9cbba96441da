import assert from 'node:assert/strict'
import { setImmediate as turn } from 'node:timers/promises'
import { describe, it } from 'vitest'
import type { Call } from '../../src/inference/call.ts'
import { drainService } from '../../src/inference/drain-service.ts'
import { ScoringService } from '../../src/inference/scoring-service.ts'
import { ServiceDefinition } from '../../src/models/definition/definition.ts'
import { delay, useUnhurriedClock } from '../support/unhurried-clock.ts'
import { requestOf } from '../workers/pool/fake-worker.ts'
import { makeScheduler } from '../workers/pool/scheduler-fixture.ts'

useUnhurriedClock()

const call: Call = {
  credential: null,
  caller: { clientAddress: () => '127.0.0.1', isDryRun: false },
  declaredBytes: 0,
  readDeadline: () => undefined,
  isAbandoned: () => false,
  onLoaded: () => {},
  read: async () => requestOf('a'),
}

/** A service of a process whose inspector is open. */
function makeService() {
  const { scheduler, worker } = makeScheduler({ isDebugged: () => true })
  const definition = ServiceDefinition.parse({ limits: { timeoutMs: 20 } })
  const engine = { kind: 'scheduler', scheduler } as const
  const service = new ScoringService({ name: 'churn', definition, authorizer: undefined, engine })
  void scheduler.start()
  return { service, worker }
}

describe('ScoringService in a process whose inspector is open', () => {
  it('drains for as long as a request is stopped at a break point', async () => {
    const { service, worker } = makeService()
    worker(0).load()
    const answer = service.infer(call)
    while (worker(0).dispatches.length === 0) await turn()
    const isDrained: boolean[] = []
    const drained = drainService(service, 1).then(() => isDrained.push(true))
    await delay(100)
    assert.deepEqual(isDrained, [])
    worker(0).finish()
    assert.equal((await answer).kind, 'encoded')
    await drained
    assert.deepEqual(isDrained, [true])
  })

  it('lets a request wait for an init() that is stopped at a break point', async () => {
    const { service, worker } = makeService()
    const answer = service.infer(call)
    await delay(100)
    worker(0).load()
    while (worker(0).dispatches.length === 0) await turn()
    worker(0).finish()
    assert.equal((await answer).kind, 'encoded')
    await service.stop()
  })
})
