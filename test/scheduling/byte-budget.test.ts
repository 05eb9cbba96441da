import assert from 'node:assert/strict'
import * as fc from 'fast-check'
import { describe, it } from 'vitest'
import { ScoringError } from '../../src/errors.ts'
import { ByteBudget, type HeldBytes } from '../../src/scheduling/byte-budget.ts'

const isRefusal = (failure: unknown) =>
  failure instanceof ScoringError && failure.code === 'QUEUE_FULL' && failure.retryAfterSeconds === 1

describe('ByteBudget', () => {
  it('refuses what finds no room beside the others, says whose limit it is, and counts it', () => {
    let refused = 0
    const app = new ByteBudget(100)
    const one = new ByteBudget(60, { whole: app, onRefusal: () => refused++ })
    const other = new ByteBudget(60, { whole: app, onRefusal: () => refused++ })
    const [first, second, third] = [one.open(), one.open(), other.open()]
    first.resize(40)
    assert.throws(
      () => second.resize(21),
      /The service is busy: its requests hold \d+ bytes; 21 for this one would exceed limits\.maxHeldBytes \(60\)/,
    )
    second.resize(20)
    assert.throws(
      () => third.resize(41),
      /The app is busy: all requests hold \d+ bytes; 41 for this one would exceed SCORING_MAX_HELD_BYTES \(100\)/,
    )
    third.resize(40)
    assert.deepEqual([one.heldBytes, other.heldBytes, app.heldBytes, refused], [60, 40, 100, 2])
  })

  it('accepts a request that is alone, however large, and others again when it is released', () => {
    const budget = new ByteBudget(10)
    const [large, small] = [budget.open(), budget.open()]
    large.resize(1000)
    assert.throws(() => small.resize(1), isRefusal)
    large.release()
    small.resize(10)
  })

  it('gives up what is spare when requests need the room, the oldest first, and holds none where there is no room', () => {
    const budget = new ByteBudget(100)
    const givenUp: string[] = []
    const spare = (name: string, bytes: number) => budget.holdSpare(bytes, () => givenUp.push(name))
    spare('first', 40)
    const second = spare('second', 40)
    assert.equal(spare('third', 21), undefined)
    const request = budget.open()
    request.resize(50)
    assert.deepEqual(givenUp, ['first'])
    second?.release()
    second?.release()
    spare('fourth', 50)
    request.release()
    spare('fifth', 50)
    assert.deepEqual(givenUp, ['first'])
  })

  it('holds nothing for who only asks, and refuses when it would not find room', () => {
    const budget = new ByteBudget(10)
    const [held, asking] = [budget.open(), budget.open()]
    held.resize(5)
    asking.requireRoom(5)
    assert.throws(() => asking.requireRoom(6), isRefusal)
    assert.equal(budget.heldBytes, 5)
  })

  it('adds up to what the requests hold, whatever was spare, and to nothing when all are released, in whatever order', () => {
    const step = fc.record({
      request: fc.nat(5),
      what: fc.constantFrom('resize', 'replace', 'release', 'ask', 'spare'),
      bytes: fc.nat(80),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), steps => {
        const app = new ByteBudget(100)
        const services = [new ByteBudget(60, { whole: app }), new ByteBudget(60, { whole: app })] as const
        const held = new Map<number, HeldBytes>()
        const model = new Map<number, number>()
        // Work that nobody waits for changes no decision about a request.
        const spare = new Set<{ bytes: number; half: number }>()
        const holdSpare = (half: 0 | 1, bytes: number) => {
          const one = { bytes, half }
          if (services[half].holdSpare(bytes, () => spare.delete(one))) spare.add(one)
        }
        const spareBytes = (isCounted: (half: number) => boolean) =>
          [...spare].filter(({ half }) => isCounted(half)).reduce((sum, { bytes }) => sum + bytes, 0)
        const sumOf = (isCounted: (request: number) => boolean) =>
          [...model].filter(([request]) => isCounted(request)).reduce((sum, [, bytes]) => sum + bytes, 0)
        const mayHold = (request: number, bytes: number) => {
          const beside = sumOf(other => other !== request && other % 2 === request % 2)
          const inAll = sumOf(other => other !== request)
          return (beside === 0 || beside + bytes <= 60) && (inAll === 0 || inAll + bytes <= 100)
        }
        for (const { request, what, bytes } of steps) {
          const one = held.get(request) ?? services[request % 2 === 0 ? 0 : 1].open()
          held.set(request, one)
          const isMore = bytes > (model.get(request) ?? 0)
          if (what === 'spare') holdSpare(request % 2 === 0 ? 0 : 1, bytes)
          else if (what === 'release') {
            one.release()
            one.release()
            one.replace(bytes) // too late: nothing is held again
            model.delete(request)
            held.delete(request)
          } else if (what === 'replace') {
            one.replace(bytes)
            model.set(request, bytes)
          } else if (isMore && !mayHold(request, bytes)) {
            assert.throws(() => (what === 'ask' ? one.requireRoom(bytes) : one.resize(bytes)), isRefusal)
          } else if (what === 'ask') {
            one.requireRoom(bytes)
          } else {
            one.resize(bytes)
            model.set(request, bytes)
          }
          assert.equal(
            app.heldBytes,
            sumOf(() => true),
          )
          assert.ok(spareBytes(() => true) <= Math.max(0, 100 - app.heldBytes))
          for (const half of [0, 1] as const) {
            assert.ok(spareBytes(each => each === half) <= Math.max(0, 60 - services[half].heldBytes))
            assert.equal(
              services[half].heldBytes,
              sumOf(each => each % 2 === half),
            )
          }
        }
        for (const one of held.values()) one.release()
        assert.deepEqual(
          [app, ...services].map(each => each.heldBytes),
          [0, 0, 0],
        )
      }),
    )
  })
})
