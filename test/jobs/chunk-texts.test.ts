import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { ChunkTexts, textKey } from '../../src/jobs/chunk-texts.ts'
import { jobFolder } from '../../src/jobs/layout.ts'
import type { JobSpec } from '../../src/jobs/spec.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const MiB = 2 ** 20

describe('ChunkTexts', () => {
  it('gives each text away once', () => {
    const texts = new ChunkTexts(new VirtualClock())
    texts.put('a', [Buffer.from('1')])
    texts.put('a', [Buffer.from('2')])
    assert.deepEqual(texts.take('a'), [Buffer.from('1')])
    assert.equal(texts.take('a'), undefined)
  })

  it('keeps 64 MiB, and what comes first', () => {
    const texts = new ChunkTexts(new VirtualClock())
    for (const key of ['a', 'b', 'c']) texts.put(key, [Buffer.alloc(20 * MiB), Buffer.alloc(10 * MiB)])
    assert.equal(texts.take('c'), undefined)
    assert.equal(texts.take('b')?.length, 2)
    texts.put('c', [Buffer.alloc(30 * MiB)])
    assert.equal(texts.take('c')?.length, 1)
  })

  it('drops what nobody has taken after half a minute, and leaves no timer behind', async () => {
    const clock = new VirtualClock()
    const texts = new ChunkTexts(clock)
    texts.put('a', [Buffer.alloc(60 * MiB)])
    await clock.advance(20_000)
    texts.put('b', [Buffer.alloc(MiB)])
    await clock.advance(25_000)
    texts.put('c', [Buffer.alloc(30 * MiB)])
    assert.equal(texts.take('a'), undefined)
    assert.equal(texts.take('c')?.length, 1)
    assert.equal(texts.take('b')?.length, 1)
    assert.equal(clock.timerCount, 0)
  })

  it('tells jobs with the same id apart', () => {
    const spec = (createdAt: string) => ({ folder: jobFolder('iris', 'a'), createdAt }) as JobSpec
    assert.notEqual(textKey(spec('2026-01-01'), 0), textKey(spec('2026-01-02'), 0))
  })
})
