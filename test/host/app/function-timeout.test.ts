import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { FunctionTimeout } from '../../../src/host/app/function-timeout.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

function setUp(limitMs: number | undefined, isDebugged: () => boolean = () => false) {
  const clock = new VirtualClock()
  const exceeded: [string, number][] = []
  const timeout = new FunctionTimeout({
    limitMs,
    clock,
    isDebugged,
    onExceeded: ({ functionName }) => exceeded.push([functionName, clock.monotonicMs()]),
  })
  const begin = (functionName: string) => {
    const invocation = { functionName, invocationId: functionName }
    timeout.begin(invocation)
    return () => timeout.end(invocation)
  }
  return { clock, exceeded, begin }
}

describe('FunctionTimeout', () => {
  it('reports an invocation that runs too long, at its limit, and no other', async () => {
    const { clock, exceeded, begin } = setUp(1000)
    const end = begin('quick')
    await clock.advance(400)
    begin('slow')
    await clock.advance(400)
    end()
    begin('last')()
    await clock.advance(10_000)
    assert.deepEqual(exceeded, [['slow', 1400]])
    begin('slow again')
    await clock.advance(10_000)
    assert.deepEqual(exceeded[1], ['slow again', 11_800])
    assert.equal(clock.timerCount, 0)
  })

  it('reports nothing while the process is debugged', async () => {
    let isOpen = true
    const { clock, exceeded, begin } = setUp(1000, () => isOpen)
    begin('stopped at a break point')
    await clock.advance(60_500)
    assert.deepEqual(exceeded, [])
    isOpen = false
    await clock.advance(60_000)
    assert.deepEqual(exceeded, [['stopped at a break point', 61_000]])
  })

  it('reports nothing without a limit', async () => {
    const { clock, exceeded, begin } = setUp(undefined)
    begin('endless')
    await clock.advance(10 ** 9)
    assert.deepEqual([exceeded, clock.timerCount], [[], 0])
  })
})
