import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { PieceSize } from '../../../src/jobs/score/piece-size.ts'

/** Sizes of pieces of a service whose run takes so long, and so much more for each of its rows. */
function sizes({
  runMs,
  rowMs,
  queueMs = 0,
  hasCallers = false,
  count = 9,
}: {
  runMs: number
  rowMs: number
  queueMs?: number
  hasCallers?: boolean
  count?: number
}) {
  const size = new PieceSize(100_000, 64)
  return Array.from({ length: count }, () => {
    const { rows } = size
    size.adapt(rows, { bytes: 100 * rows, ms: Math.ceil(rows / 64) * runMs + rows * rowMs, queueMs, hasCallers })
    return rows
  })
}

describe('PieceSize', () => {
  it('begins with a row, and comes to what takes eight milliseconds, or one beside callers', () => {
    assert.deepEqual(sizes({ runMs: 0, rowMs: 0.001 }), [1, 4, 16, 64, 256, 1024, 4096, 8000, 8000])
    assert.deepEqual(sizes({ runMs: 0, rowMs: 0.01, hasCallers: true }), [1, 4, 16, 64, 100, 100, 100, 100, 100])
  })

  it('has rows of slow models run together, for 200 ms at most', () => {
    assert.deepEqual(sizes({ runMs: 10, rowMs: 0.1, count: 6 }), [1, 4, 16, 64, 64, 64])
    assert.deepEqual(sizes({ runMs: 0, rowMs: 10, count: 5 }), [1, 4, 16, 20, 20])
    assert.deepEqual(sizes({ runMs: 0, rowMs: 1000, count: 3 }), [1, 1, 1])
  })

  it('knows the speed of the latest pieces', () => {
    const size = new PieceSize(100_000, 64)
    assert.equal(size.bytesPerMs, undefined)
    const piece = (bytes: number) => size.adapt(1, { bytes, ms: 2, queueMs: 0, hasCallers: false })
    piece(2000)
    assert.equal(size.bytesPerMs, 1000)
    for (let count = 0; count < 50; count++) piece(100_000)
    assert.ok(Math.abs(size.bytesPerMs - 50_000) < 100)
  })

  it('makes up for long waits behind callers, and never exceeds what the service takes', () => {
    assert.equal(sizes({ runMs: 0, rowMs: 0.1, queueMs: 500 }).at(-1), 100)
    assert.equal(sizes({ runMs: 0, rowMs: 0.1, queueMs: 60_000 }).at(-1), 1000)
    const size = new PieceSize(3, 64)
    for (let piece = 0; piece < 3; piece++) size.adapt(size.rows, { bytes: 1, ms: 0.1, queueMs: 0, hasCallers: false })
    assert.equal(size.rows, 3)
  })
})
