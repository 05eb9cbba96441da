import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { SharedMemory } from '../../../src/jobs/score/shared-memory.ts'

const MiB = 2 ** 20

describe('SharedMemory', () => {
  it('joins pieces in memory that threads share', () => {
    const joined = new SharedMemory().join([Buffer.from('a,'), Buffer.from('b\n')])
    assert.equal(String(joined), 'a,b\n')
    assert.ok(joined.buffer instanceof SharedArrayBuffer)
  })

  it('uses what was given back for a text that fits, and only once', () => {
    const memory = new SharedMemory()
    const first = memory.join([Buffer.from('the first')])
    const other = memory.join([Buffer.from('other')])
    assert.notEqual(other.buffer, first.buffer)
    memory.giveBack(first)
    assert.notEqual(memory.join([Buffer.alloc(MiB)]).buffer, first.buffer)
    const again = memory.join([Buffer.from('again')])
    assert.equal(again.buffer, first.buffer)
    assert.equal(String(again), 'again')
    assert.notEqual(memory.join([Buffer.from('more')]).buffer, first.buffer)
  })

  it('keeps 16 MiB at most', () => {
    const memory = new SharedMemory()
    const texts = [10, 5, 5].map(size => memory.join([Buffer.alloc(size * MiB)]))
    for (const text of texts) memory.giveBack(text)
    const reused = [1, 2, 3].map(() => memory.join([Buffer.alloc(MiB)]).buffer)
    assert.deepEqual(
      reused.map(buffer => texts.findIndex(text => text.buffer === buffer)),
      [0, 1, -1],
    )
  })
})
