import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { RequestSize } from '../../../src/jobs/score/request-size.ts'

/** Sizes of requests of a service whose rows take so long, and each request so much more. */
function sizes({ rowMs, requestMs = 0, hasCallers }: { rowMs: number; requestMs?: number; hasCallers: boolean }) {
  const size = new RequestSize(1000)
  const rows = Array.from({ length: 2000 }, () => ({ json: '[1]' }))
  return Array.from({ length: 9 }, () => {
    const count = size.take(rows, 0)
    size.adapt(count, requestMs + count * rowMs, hasCallers)
    return count
  })
}

describe('RequestSize', () => {
  it('begins with a row, and comes to what takes 200 milliseconds, or five beside callers', () => {
    assert.deepEqual(sizes({ rowMs: 1, hasCallers: false }), [1, 2, 4, 8, 16, 32, 64, 128, 200])
    assert.deepEqual(sizes({ rowMs: 0.05, hasCallers: true }), [1, 2, 4, 8, 16, 32, 64, 100, 100])
  })

  it('has 64 rows share a request beside callers, where that takes less than 200 milliseconds', () => {
    assert.equal(sizes({ rowMs: 0, requestMs: 50, hasCallers: true }).at(-1), 64)
    assert.equal(sizes({ rowMs: 30, hasCallers: true }).at(-1), 6)
  })
})
