import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { SharedMemory } from '../../../src/jobs/score/shared-memory.ts'

const MiB = 2 ** 20

describe('SharedMemory', () => {
  it('joins pieces in memory that threads share', async () => {
    const joined = await new SharedMemory().join([Buffer.from('a,'), Buffer.from('b\n')])
    assert.equal(String(joined), 'a,b\n')
    assert.ok(joined.buffer instanceof SharedArrayBuffer)
  })

  it('tells of the first large text, once', async () => {
    let count = 0
    const memory = new SharedMemory(() => count++)
    await memory.join([Buffer.alloc(1000)])
    assert.equal(count, 0)
    for (let text = 0; text < 3; text++) await memory.join([Buffer.alloc(MiB)])
    assert.equal(count, 1)
  })

  it('uses what was given back for a text that fits, and only once', async () => {
    const memory = new SharedMemory()
    const first = await memory.join([Buffer.from('the first')])
    const other = await memory.join([Buffer.from('other')])
    assert.notEqual(other.buffer, first.buffer)
    memory.giveBack(first)
    assert.notEqual((await memory.join([Buffer.alloc(MiB)])).buffer, first.buffer)
    const again = await memory.join([Buffer.from('again')])
    assert.equal(again.buffer, first.buffer)
    assert.equal(String(again), 'again')
    assert.notEqual((await memory.join([Buffer.from('more')])).buffer, first.buffer)
  })

  it('keeps 16 MiB at most', async () => {
    const memory = new SharedMemory()
    const texts = await Promise.all([10, 5, 5].map(size => memory.join([Buffer.alloc(size * MiB)])))
    for (const text of texts) memory.giveBack(text)
    const reused = await Promise.all([1, 2, 3].map(async () => (await memory.join([Buffer.alloc(MiB)])).buffer))
    assert.deepEqual(
      reused.map(buffer => texts.findIndex(text => text.buffer === buffer)),
      [0, 1, -1],
    )
  })
})
