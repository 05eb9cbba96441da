import assert from 'node:assert/strict'
import { setImmediate as turn } from 'node:timers/promises'
import * as fc from 'fast-check'
import { describe, it, vi } from 'vitest'
import { BodyMemory, holdBody, isShared, leadBefore, type TakenMemory } from '../../src/scheduling/body-memory.ts'
import { ByteBudget } from '../../src/scheduling/byte-budget.ts'

const mebibyte = 2 ** 20
const kibibyte = 1024
const unlimited = Number.POSITIVE_INFINITY

describe('BodyMemory', () => {
  it('gives shared memory to bodies from 64 KiB to 1 MiB: smaller ones are copied faster, larger ones are moved', () => {
    const memory = new BodyMemory(unlimited)
    for (const size of [0, 1, 64 * kibibyte - 1, mebibyte, 2 * mebibyte]) assert.equal(memory.take(size), undefined)
    for (const size of [64 * kibibyte, 602_112, mebibyte - 1]) {
      const { bytes } = memory.take(size) as TakenMemory
      assert.ok(isShared(bytes))
      assert.equal(bytes.byteLength, size)
    }
  })

  it('puts what follows the text of a body at a multiple of 8', () => {
    const memory = new BodyMemory(unlimited)
    for (let textBytes = 0; textBytes < 20; textBytes++) {
      const { bytes } = memory.take(100_000, leadBefore(textBytes)) as TakenMemory
      assert.equal((bytes.byteOffset + textBytes) % 8, 0)
    }
    assert.equal(leadBefore(undefined), 0)
  })

  it('uses the memory again once nobody holds it, and not before', () => {
    const memory = new BodyMemory(unlimited)
    const first = memory.take(100_000) as TakenMemory
    const worker = holdBody(first.bytes.subarray(10))
    first.hold.release()
    first.hold.release() // counts once
    const second = memory.take(100_000) as TakenMemory
    assert.notEqual(second.bytes.buffer, first.bytes.buffer)
    worker?.release()
    assert.equal((memory.take(100_000) as TakenMemory).bytes.buffer, first.bytes.buffer)
  })

  it('refuses to hold a body that was given up: another one may be in its memory', () => {
    const memory = new BodyMemory(unlimited)
    const { bytes, hold } = memory.take(100_000) as TakenMemory
    hold.release()
    assert.throws(() => holdBody(bytes), /given up/)
    const [one, other] = [memory.take(100_000), memory.take(100_000)] as TakenMemory[]
    assert.notEqual(one?.bytes.buffer, other?.bytes.buffer)
  })

  it('gives no memory beyond 64 MiB, and again when some is free, also for bodies of another size', () => {
    const memory = new BodyMemory(unlimited)
    const taken: TakenMemory[] = []
    for (let next = memory.take(mebibyte - 1); next; next = memory.take(mebibyte - 1)) taken.push(next)
    assert.equal(taken.length, 64)
    assert.equal(memory.take(100_000), undefined)
    taken[0]?.hold.release()
    assert.ok(memory.take(100_000))
    assert.equal(memory.take(mebibyte - 1), undefined)
  })

  it('gives up what a burst needed, although smaller loads go on, and all of it after them', async () => {
    const memory = new BodyMemory(unlimited, undefined, 10)
    const burst = Array.from({ length: 10 }, () => memory.take(100_000) as TakenMemory)
    for (const { hold } of burst) hold.release()
    const block = memory.bytes / burst.length
    while (memory.bytes > block) {
      ;(memory.take(100_000) as TakenMemory).hold.release()
      await turn()
    }
    assert.equal(memory.heldBytes, 0)
    await vi.waitFor(() => assert.equal(memory.bytes, 0))
  })

  it('gives no more than requests may hold', () => {
    const memory = new BodyMemory(200_000)
    assert.ok(memory.take(100_000))
    assert.equal(memory.take(100_000), undefined)
  })

  it('tells the first large body, however large it is', () => {
    let told = 0
    const memory = new BodyMemory(unlimited, () => told++)
    memory.take(10_000)
    assert.equal(told, 0)
    for (const size of [5 * mebibyte, 100_000]) memory.take(size)
    assert.equal(told, 1)
  })

  it('never lets two bodies share memory, in whatever order they are held and released', () => {
    const step = fc.record({
      what: fc.constantFrom('take', 'take', 'hold', 'release'),
      which: fc.nat(1000),
      size: fc.constantFrom(65_536, 100_000, 131_072, 602_112, 700_000, mebibyte - 1),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), steps => {
        const memory = new BodyMemory(unlimited)
        const bodies: { taken: TakenMemory; mark: number; holds: { release(): void }[] }[] = []
        for (const [mark, { what, which, size }] of steps.entries()) {
          const body = bodies[which % bodies.length]
          if (what === 'take') {
            const taken = memory.take(size)
            if (!taken) continue
            taken.bytes[0] = taken.bytes[size - 1] = mark
            bodies.push({ taken, mark, holds: [taken.hold] })
          } else if (body && what === 'hold') body.holds.push(holdBody(body.taken.bytes) as { release(): void })
          else if (body) {
            body.holds.splice(which % body.holds.length, 1)[0]?.release()
            if (body.holds.length === 0) bodies.splice(bodies.indexOf(body), 1)
          }
          for (const { taken, mark } of bodies)
            assert.deepEqual([taken.bytes[0], taken.bytes.at(-1)], [mark % 256, mark % 256])
        }
        for (const { holds } of bodies) for (const hold of holds) hold.release()
        assert.equal(memory.heldBytes, 0)
      }),
      { numRuns: 50 },
    )
  })
})

describe('HeldBytes', () => {
  it('gives the memory of the body back with its bytes, once', () => {
    const memory = new BodyMemory(unlimited)
    const service = new ByteBudget(mebibyte, { whole: new ByteBudget(mebibyte, { memory }) })
    const held = service.open()
    assert.ok(held.takeMemory(100_000, 0))
    assert.equal(held.takeMemory(100_000, 0), undefined) // a request has one body
    assert.ok(memory.heldBytes > 0)
    held.dropBody()
    assert.equal(memory.heldBytes, 0)
    held.release()
    assert.equal(held.takeMemory(100_000, 0), undefined) // too late: nothing would give it back
    assert.equal(memory.heldBytes, 0)
  })
})
