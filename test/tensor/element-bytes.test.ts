import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { decodeElements } from '../../src/tensor/element-bytes.ts'

describe('decodeElements', () => {
  it('copies elements of a Buffer that do not lie where the processor reads them, and leaves the bytes as they are', () => {
    const bytes = Buffer.from([9, 0, 0, 0x80, 0x3f, 0, 0, 0, 0x40]) // 1 and 2 as little-endian float32, from the second byte on
    assert.deepEqual(decodeElements('x', 'float32', bytes.subarray(1), true), Float32Array.of(1, 2))
    const swapped = Buffer.from([0x3f, 0x80, 0, 0])
    assert.deepEqual(decodeElements('x', 'float32', swapped, false), Float32Array.of(1))
    assert.deepEqual([...swapped], [0x3f, 0x80, 0, 0])
  })
})
