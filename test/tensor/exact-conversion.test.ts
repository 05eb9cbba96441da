import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { type BinaryDtype, decodeElements } from '../../src/tensor/element-bytes.ts'
import { convertExactly, isExact } from '../../src/tensor/exact-conversion.ts'
import { Tensor } from '../../src/tensor/tensor.ts'

/**
 * From each type to the types that hold all its values, by hand from the ranges of C's integers and the significands of
 * IEEE 754 (11, 24 and 53 bits). NumPy's `can_cast(..., "safe")` is the same but for 64-bit integers to float64.
 */
const holds: Record<BinaryDtype, string> = {
  bool: 'bool uint8 uint16 uint32 uint64 int8 int16 int32 int64 float16 float32 float64',
  uint8: 'uint8 uint16 uint32 uint64 int16 int32 int64 float16 float32 float64',
  uint16: 'uint16 uint32 uint64 int32 int64 float32 float64',
  uint32: 'uint32 uint64 int64 float64',
  uint64: 'uint64',
  int8: 'int8 int16 int32 int64 float16 float32 float64',
  int16: 'int16 int32 int64 float32 float64',
  int32: 'int32 int64 float64',
  int64: 'int64',
  float16: 'float16 float32 float64',
  float32: 'float32 float64',
  float64: 'float64',
}
const dtypes = Object.keys(holds) as BinaryDtype[]

describe('isExact', () => {
  it('holds for the types whose values all are values of the other', () => {
    for (const from of dtypes) {
      const wide = dtypes.filter(to => isExact(from, to))
      assert.deepEqual(wide.sort(), holds[from].split(' ').sort(), from)
    }
    assert.equal(isExact('string', 'string'), true)
    assert.equal(isExact('string', 'float64'), false)
  })
})

describe('convertExactly', () => {
  it('keeps the extreme values of a type in every other that holds them', () => {
    const extremes: [BinaryDtype, ArrayBufferView, number[]][] = [
      ['bool', Uint8Array.of(0, 1), [0, 1]],
      ['uint8', Uint8Array.of(0, 255), [0, 255]],
      ['int8', Int8Array.of(-128, 127), [-128, 127]],
      ['uint16', Uint16Array.of(0, 65535), [0, 65535]],
      ['int16', Int16Array.of(-32768, 32767), [-32768, 32767]],
      ['uint32', Uint32Array.of(0, 4294967295), [0, 4294967295]],
      ['int32', Int32Array.of(-2147483648, 2147483647), [-2147483648, 2147483647]],
      ['float32', Float32Array.of(-0, 3.4028234663852886e38, NaN), [-0, 3.4028234663852886e38, NaN]],
    ]
    for (const [from, array, values] of extremes) {
      const bytes = new Uint8Array(array.buffer as ArrayBuffer)
      const tensor = new Tensor(from, decodeElements('x', from, bytes, true), [values.length])
      for (const to of dtypes.filter(each => isExact(from, each))) {
        const converted = convertExactly(tensor, to)
        assert.equal(converted.dtype, to)
        assert.deepEqual(Array.from(converted.data as Float64Array, Number), values, `${from} to ${to}`)
      }
    }
  })
})
