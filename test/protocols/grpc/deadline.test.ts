import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { readGrpcDeadline } from '../../../src/protocols/grpc/deadline.ts'

describe('readGrpcDeadline', () => {
  // 5S, 1210m and 999940u are what clients sent; the others are the units of the specification.
  it.each([
    ['5S', 5000],
    ['1210m', 1210],
    ['999940u', 1000],
    ['2H', 7_200_000],
    ['3M', 180_000],
    ['1n', 1],
    ['99999999n', 100],
    ['0m', 1],
  ])('reads %s as %i ms', (timeout, timeoutMs) => {
    assert.deepEqual(readGrpcDeadline(timeout, 7), { timeoutMs, since: 7 })
  })

  it('gives nothing where the caller does not say', () => {
    assert.equal(readGrpcDeadline(null, 7), undefined)
  })

  it.each(['', '5', 'S', '123456789m', '-1S', '1.5S', '5s', '5 S'])('refuses %j', timeout => {
    assert.throws(() => readGrpcDeadline(timeout, 7), { code: 'HEADER_INVALID', message: /grpc-timeout/ })
  })
})
