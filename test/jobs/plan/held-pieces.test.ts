import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { HeldPieces } from '../../../src/jobs/plan/held-pieces.ts'

async function* pieces(...texts: string[]) {
  for (const text of texts) yield Buffer.from(text)
}

async function pass(held: HeldPieces, ...texts: string[]): Promise<void> {
  for await (const _ of held.through(pieces(...texts)));
}

const textOf = (taken: readonly Uint8Array[] | undefined) => taken && Buffer.concat(taken).toString()

describe('HeldPieces', () => {
  it('gives the bytes between two offsets, in order', async () => {
    const held = new HeldPieces(3, 100)
    await pass(held, 'abc', 'def', 'gh')
    assert.equal(textOf(held.take(4, 7)), 'bcde'.slice(0, 3))
    assert.equal(textOf(held.take(7, 9)), 'ef')
    assert.equal(textOf(held.take(10, 11)), 'h')
  })

  it('holds no more than it may, and says that a text is not whole', async () => {
    const held = new HeldPieces(0, 5)
    await pass(held, 'abc', 'def', 'gh')
    assert.equal(held.take(1, 7), undefined)
    assert.equal(textOf(held.take(7, 8)), 'h')
  })
})
