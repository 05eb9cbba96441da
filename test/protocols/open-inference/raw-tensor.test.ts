import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'vitest'
import {
  countRawBytes,
  decodeRawTensor,
  type TensorHead,
  writeRawTensor,
} from '../../../src/protocols/open-inference/raw-tensor.ts'
import { Tensor } from '../../../src/tensor/tensor.ts'

const hex = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'))

/** Elements, and their bytes as Python's `struct.pack` writes them with `<`. */
const cases: readonly [datatype: string, bytes: string, elements: unknown[]][] = [
  ['BOOL', '01 00', [true, false]],
  ['UINT8', '00 ff', [0, 255]],
  ['INT8', '80 7f', [-128, 127]],
  ['UINT16', 'ffff 0100', [65535, 1]],
  ['INT16', '0080 ff7f', [-32768, 32767]],
  ['UINT32', 'ffffffff 01000000', [4294967295, 1]],
  ['INT32', '00000080 ffffff7f', [-2147483648, 2147483647]],
  ['UINT64', 'ffffffffffffffff 0100000000000000', [18446744073709551615n, 1n]],
  ['INT64', '0000000000000080 ffffffffffffff7f', [-9223372036854775808n, 9223372036854775807n]],
  ['FP16', '003c 00c1', [1, -2.5]],
  ['FP32', '0000803f 000020c0', [1, -2.5]],
  ['FP64', '000000000000f03f 00000000000004c0', [1, -2.5]],
  ['BYTES', '02000000 6f6b 04000000 e282ac21', ['ok', '€!']],
]

describe('decodeRawTensor', () => {
  it.each(cases)('reads the elements of %s, and writeRawTensor writes the same bytes', (datatype, bytes, elements) => {
    const tensor = decodeRawTensor({ name: 'x', datatype, shape: [2] }, hex(bytes))
    assert.deepEqual(tensor.toList(), elements)
    const written = new Uint8Array(countRawBytes(tensor))
    writeRawTensor(tensor, written)
    assert.deepEqual(written, hex(bytes))
  })

  it('reads aligned elements in place, and others from a copy', () => {
    const body = new Uint8Array(20)
    const at = (offset: number) =>
      decodeRawTensor({ name: 'x', datatype: 'FP32', shape: [2] }, body.subarray(offset, offset + 8))
        .data as Float32Array
    assert.equal(at(4).buffer, body.buffer)
    assert.notEqual(at(5).buffer, body.buffer)
  })

  it.each<[string, Partial<TensorHead>, string, string, RegExp]>([
    ['too few bytes', {}, '00000000', 'INPUT_SHAPE_MISMATCH', /needs 8 bytes, got 4/],
    ['too many bytes', { shape: [1] }, '0000000000000000', 'INPUT_SHAPE_MISMATCH', /needs 4 bytes, got 8/],
    ['sizes whose product no memory holds', { shape: [1e9, 1e9, 1e9] }, '00', 'INPUT_SHAPE_MISMATCH', /got 1/],
    ['a size below 0', { shape: [-1, 2] }, '0000000000000000', 'INPUT_INVALID', /not a whole number/],
    ['too many dimensions', { shape: Array(33).fill(1) }, '00000000', 'INPUT_INVALID', /33 dimensions/],
    ['a type of no tensor', { datatype: 'BF16' }, '00000000', 'INPUT_TYPE_MISMATCH', /"BF16"; taken are BOOL, /],
    [
      'a flag that is neither 0 nor 1',
      { datatype: 'BOOL' },
      '0102',
      'INPUT_TYPE_MISMATCH',
      /element 1 is neither 0 nor 1/,
    ],
    ['more texts than bytes', { datatype: 'BYTES', shape: [1e9] }, '00000000', 'INPUT_SHAPE_MISMATCH', /got 4/],
    [
      'a text that ends early',
      { datatype: 'BYTES' },
      '00000000 05000000 6f',
      'INPUT_SHAPE_MISMATCH',
      /within element 1/,
    ],
    [
      'texts that end early',
      { datatype: 'BYTES' },
      '06000000 6f6f6f6f6f6f',
      'INPUT_SHAPE_MISMATCH',
      /before element 1/,
    ],
    [
      'bytes after the texts',
      { datatype: 'BYTES', shape: [1] },
      '01000000 6f 00',
      'INPUT_SHAPE_MISMATCH',
      /1 bytes after/,
    ],
    ['a text that is not UTF-8', { datatype: 'BYTES', shape: [1] }, '01000000 ff', 'INPUT_TYPE_MISMATCH', /not UTF-8/],
  ])('refuses %s', (_, head, bytes, code, message) => {
    assert.throws(() => decodeRawTensor({ name: 'x', datatype: 'FP32', shape: [2], ...head }, hex(bytes)), {
      code,
      message,
    })
  })

  it('gives the texts that were written, whatever they are', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary' })), texts => {
        const tensor = new Tensor('string', texts, [texts.length])
        const bytes = new Uint8Array(countRawBytes(tensor))
        writeRawTensor(tensor, bytes)
        assert.deepEqual(decodeRawTensor({ name: 'x', datatype: 'BYTES', shape: [texts.length] }, bytes).data, texts)
      }),
    )
  })
})
