import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { chunkKey, KeptChunks } from '../../src/jobs/kept-chunks.ts'
import { jobFolder } from '../../src/jobs/layout.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const MiB = 2 ** 20

describe('KeptChunks', () => {
  it('gives what there is of a chunk away once', () => {
    const kept = new KeptChunks(new VirtualClock(), MiB)
    assert.equal(kept.put('a', 'first', 1), true)
    assert.equal(kept.put('a', 'second', 1), false)
    assert.equal(kept.take('a'), 'first')
    assert.equal(kept.take('a'), undefined)
  })

  it('keeps so many bytes, and what comes first', () => {
    const kept = new KeptChunks(new VirtualClock(), 64 * MiB)
    for (const key of ['a', 'b', 'c']) kept.put(key, key, 30 * MiB)
    assert.equal(kept.take('c'), undefined)
    assert.equal(kept.take('b'), 'b')
    assert.equal(kept.hasRoom(35 * MiB), false)
    assert.equal(kept.put('c', 'c', 30 * MiB), true)
    assert.equal(kept.take('c'), 'c')
  })

  it('counts what something has turned out to take', () => {
    const kept = new KeptChunks(new VirtualClock(), 64 * MiB)
    kept.put('a', 'a', MiB)
    kept.resize('a', 90 * MiB)
    kept.resize('b', 90 * MiB)
    assert.equal(kept.hasRoom(0), false)
    assert.equal(kept.take('a'), 'a')
    assert.equal(kept.hasRoom(64 * MiB), true)
  })

  it('drops what nobody has taken after half a minute, and leaves no timer behind', async () => {
    const clock = new VirtualClock()
    const kept = new KeptChunks(clock, 64 * MiB)
    kept.put('a', 'a', 60 * MiB)
    await clock.advance(20_000)
    kept.put('b', 'b', MiB)
    await clock.advance(25_000)
    kept.put('c', 'c', 30 * MiB)
    assert.equal(kept.take('a'), undefined)
    assert.equal(kept.take('c'), 'c')
    assert.equal(kept.take('b'), 'b')
    assert.equal(clock.timerCount, 0)
  })

  it('keeps the chunks of a long job for as long as some are taken', async () => {
    const clock = new VirtualClock()
    const kept = new KeptChunks(clock, MiB)
    const keys = Array.from({ length: 20 }, (_, chunk) => String(chunk))
    for (const key of keys) kept.put(key, key, 1)
    const taken: unknown[] = []
    for (const key of keys) {
      await clock.advance(10_000)
      taken.push(kept.take(key))
    }
    assert.deepEqual(taken, keys)
    kept.put('left', 'left', 1)
    await clock.advance(75_000)
    assert.equal(kept.take('left'), undefined)
  })

  it('gives the room of what others have probably taken up to what is new', async () => {
    const clock = new VirtualClock()
    const kept = new KeptChunks(clock, 10)
    kept.put('old', 'old', 8)
    await clock.advance(29_000)
    kept.put('young', 'young', 2)
    assert.equal(kept.put('new', 'new', 5), false)
    kept.take('young')
    kept.put('young', 'young', 2)
    await clock.advance(2000)
    assert.equal(kept.put('new', 'new', 5), true)
    assert.deepEqual([kept.take('old'), kept.take('young'), kept.take('new')], [undefined, 'young', 'new'])
  })

  it('tells jobs with the same id apart', () => {
    const spec = (createdAt: string) => ({ folder: jobFolder('iris', 'a'), createdAt })
    assert.notEqual(chunkKey(spec('2026-01-01'), 0), chunkKey(spec('2026-01-02'), 0))
  })
})
