import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { ColdStart, describePhases, encodePhases, type PhaseTimes } from '../../src/telemetry/cold-start.ts'

function start() {
  let now = 0
  const cold = new ColdStart(() => now)
  const told: PhaseTimes[] = []
  cold.whenAnswered(times => told.push(times))
  const at = (time: number) => {
    now = time
    return cold
  }
  at(30).end('process')
  at(70).end('bundle')
  at(100).end('host')
  at(160).end('app')
  return { at, told }
}
const service = 'iris'

describe('ColdStart', () => {
  it('divides the time until the first answer, for a request that waited for the model', () => {
    const { at, told } = start()
    const times = at(420).answered({ service, loadedAt: 400, requestedAt: 120 })
    assert.deepEqual(times, { process: 30, bundle: 40, host: 30, app: 60, model: 240, answer: 20 })
    assert.deepEqual(told, [times])
    assert.equal(at(500).answered({ service, loadedAt: 400, requestedAt: 450 }), undefined)
  })

  it('leaves out the time in which nobody asked', () => {
    const { at } = start()
    const times = at(9030).answered({ service, loadedAt: 400, requestedAt: 9000 })
    assert.equal(times?.answer, 30)
  })

  it('has no phase that takes less than no time', () => {
    const { at } = start()
    const times = at(170).answered({ service, loadedAt: 150, requestedAt: 165 })
    assert.deepEqual([times?.model, times?.answer], [0, 5])
  })

  it('is told in words and as Server-Timing', () => {
    const times = { process: 30, bundle: 40, host: 30, app: 60, model: 240.04, answer: 20.25 }
    assert.equal(
      encodePhases(times),
      'start-process;dur=30, start-bundle;dur=40, start-host;dur=30, start-app;dur=60, start-model;dur=240, start-answer;dur=20.3',
    )
    assert.equal(
      describePhases(times, { service, loadedAt: 400, requestedAt: 0 }),
      '[iris] cold start: the first answer took 390 ms (bundle 40, host 30, app 60, model 240, answer 20), 30 ms after its process began',
    )
  })
})
