import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { ScoringError } from '../../../src/errors.ts'
import type { TensorInfo } from '../../../src/models/session/model-session.ts'
import { binaryMediaTypes, decodeBinaryInput } from '../../../src/protocols/azureml/binary-input.ts'
import type { TensorLayout } from '../../../src/scheduling/inference-request.ts'
import { Tensor } from '../../../src/tensor/tensor.ts'
import { encodeNpy } from '../../support/npy-writer.ts'

const image: TensorInfo = { name: 'image', dtype: 'float32', shape: ['batch', 3, 2] }
const bytesOf = (array: ArrayBufferView) =>
  new Uint8Array(array.buffer as ArrayBuffer, array.byteOffset, array.byteLength)
const decode = (input: TensorInfo, body: Uint8Array, layout?: TensorLayout, contentType = 'application/octet-stream') =>
  decodeBinaryInput({ codec: 'azureml', body, contentType, details: layout && { layout } }, input)

function failureOf(...request: Parameters<typeof decode>): string {
  try {
    decode(...request)
  } catch (failure) {
    assert.ok(failure instanceof ScoringError, String(failure))
    return `${failure.code} ${failure.message}`
  }
  return assert.fail('it was decoded')
}

describe('decodeBinaryInput', () => {
  const twelve = Float32Array.from({ length: 12 }, (_, index) => index / 4)

  it('finds the number of rows from the bytes, and reads them in place', () => {
    const tensor = decode(image, bytesOf(twelve))
    assert.deepEqual([tensor.dtype, tensor.shape], ['float32', [2, 3, 2]])
    assert.equal((tensor.data as Float32Array).buffer, twelve.buffer)
    assert.deepEqual(tensor.data, twelve)
  })

  it('takes a shape where it is told one, and needs one where several dimensions are open', () => {
    assert.deepEqual(decode(image, bytesOf(twelve), { shape: ' 2, 3,2' }).shape, [2, 3, 2])
    const open = { ...image, shape: ['batch', -1, 2] }
    assert.deepEqual(decode(open, bytesOf(twelve), { shape: '1,6,2' }).shape, [1, 6, 2])
    assert.match(failureOf(open, bytesOf(twelve)), /^INPUT_INVALID .*e\.g\. x-tensor-shape: 1,1,2$/)
    const fixed = { ...image, shape: [4, 3] }
    assert.deepEqual(decode(fixed, bytesOf(twelve)).shape, [4, 3])
    const scalar = { ...image, shape: [] }
    assert.deepEqual(decode(scalar, bytesOf(Float32Array.of(5))).shape, [])
  })

  it('says how many elements came and what would fit', () => {
    assert.equal(
      failureOf(image, new Uint8Array(20)),
      'INPUT_SHAPE_MISMATCH input "image": 20 bytes are 5 float32 elements; shape [1, 3, 2] needs 6, which are 24 bytes',
    )
    assert.equal(
      failureOf(image, new Uint8Array(48), { shape: '1,3,2' }),
      'INPUT_SHAPE_MISMATCH input "image": 48 bytes are 12 float32 elements; shape [1, 3, 2] needs 6, which are 24 bytes; ' +
        'they would fit as float64 (the model takes float32: convert before you send)',
    )
    assert.match(failureOf(image, new Uint8Array(12)), /fit as float16 \(x-tensor-dtype: float16\)$/)
    assert.match(
      failureOf(image, new Uint8Array(6)),
      /6 bytes are 1\.50 float32 .* fit as uint8 \(x-tensor-dtype: uint8\)$/,
    )
    assert.match(
      failureOf(image, bytesOf(twelve), { shape: '3,2,2' }),
      /^INPUT_SHAPE_MISMATCH input "image" has shape \[3, 2, 2\]; expected \[batch, 3, 2\]/,
    )
  })

  it('converts what loses nothing, and names the types otherwise', () => {
    const bytes = decode(image, Uint8Array.of(0, 1, 2, 3, 4, 255), { dtype: 'uint8' })
    assert.deepEqual(bytes.data, Float32Array.of(0, 1, 2, 3, 4, 255))
    const wide = { ...image, dtype: 'float64' as const }
    assert.deepEqual(decode(wide, bytesOf(twelve), { dtype: 'float32' }).data, Float64Array.from(twelve))
    assert.match(
      failureOf(image, bytesOf(Float64Array.from(twelve)), { dtype: 'float64' }),
      /^INPUT_TYPE_MISMATCH input "image" came as float64, the model takes float32.*astype\("float32"\)/,
    )
    for (const dtype of ['string', 'double', '__proto__', ''])
      assert.match(failureOf(image, bytesOf(twelve), { dtype }), /^INPUT_INVALID .*x-tensor-dtype: float32$/)
  })

  it('takes NaN and infinities, which JSON cannot say', () => {
    const values = Float32Array.of(NaN, Infinity, -Infinity, -0, 1, 2)
    assert.deepEqual(decode(image, bytesOf(values)).data, values)
  })

  it('refuses shapes that are none, hold nothing, or say more than there is', () => {
    for (const shape of [
      '',
      'a',
      '1,,2',
      '-1,3,2',
      '1.5',
      '1e3',
      '(2,3,2)',
      '1'.repeat(16),
      new Array(33).fill(1).join(),
    ])
      assert.match(failureOf(image, bytesOf(twelve), { shape }), /^INPUT_INVALID/, shape)
    const huge = '999999999999999'
    assert.match(failureOf(image, bytesOf(twelve), { shape: `${huge},${huge},${huge}` }), /^INPUT_SHAPE_MISMATCH/)
    const empty = encodeNpy(new Tensor('float32', new Float32Array(0), [0, 3, 2]))
    assert.match(
      failureOf(image, empty, undefined, 'application/x-npy'),
      /^INPUT_SHAPE_MISMATCH input "image" has no rows; send at least one$/,
    )
    assert.match(failureOf(image, new Uint8Array(0)), /^BODY_EMPTY/)
    assert.match(failureOf(image, new Uint8Array(0), undefined, 'application/x-npy'), /^BODY_EMPTY/)
  })

  it('takes what is empty by its declaration, or inside a row', () => {
    const nothing = (...shape: number[]) => encodeNpy(new Tensor('float32', new Float32Array(0), shape))
    const read = (shape: (number | string)[], file: Uint8Array) =>
      decode({ name: 'x', dtype: 'float32', shape }, file, undefined, 'application/x-npy').shape
    assert.deepEqual(read([2, 0, 4], nothing(2, 0, 4)), [2, 0, 4])
    assert.deepEqual(read(['n', 4, 'found'], nothing(1, 4, 0)), [1, 4, 0])
    const huge: TensorInfo = { name: 'x', dtype: 'float32', shape: ['n', 'a', 'b'] }
    assert.match(
      failureOf(huge, nothing(1, 0, 2_000_000), undefined, 'application/x-npy'),
      /^INPUT_SHAPE_MISMATCH .*other sizes may be up to 1000000/,
    )
  })

  it('takes any shape where the model declares none, and asks for it where bytes do not tell', () => {
    const any: TensorInfo = { name: 'x', dtype: 'float32', shape: undefined }
    const saved = encodeNpy(new Tensor('float32', Float32Array.of(1, 2), [1, 2, 1]))
    assert.deepEqual(decode(any, saved, undefined, 'application/x-npy').shape, [1, 2, 1])
    assert.deepEqual(decode(any, bytesOf(twelve), { shape: '3,4' }).shape, [3, 4])
    assert.match(
      failureOf(any, bytesOf(twelve)),
      /^INPUT_INVALID .*takes any shape; say which one came, e\.g\. x-tensor-shape: 12$/,
    )
  })

  it('reads a .npy file under either type, unless a layout says that the bytes are bare', () => {
    const saved = encodeNpy(new Tensor('float32', twelve, [2, 3, 2]))
    assert.deepEqual(decode(image, saved, undefined, 'Application/X-NPY; a=b').data, twelve)
    assert.deepEqual(decode(image, saved).data, twelve)
    const pixels: TensorInfo = { name: 'x', dtype: 'uint8', shape: ['n'] }
    assert.deepEqual(decode(pixels, saved, { dtype: 'uint8' }).shape, [saved.length])
    assert.match(failureOf(image, bytesOf(twelve), undefined, 'application/x-npy'), /^INPUT_NOT_NPY/)
  })

  it('reads bytes wherever they lie in a buffer', () => {
    const buffer = new Uint8Array(50)
    buffer.set(bytesOf(twelve), 1)
    assert.deepEqual(decode(image, buffer.subarray(1, 49)).data, twelve)
  })
})

describe('binaryMediaTypes', () => {
  it('are there for one input that has bytes', () => {
    assert.deepEqual(binaryMediaTypes([image]), ['application/x-npy', 'application/octet-stream'])
    assert.deepEqual(binaryMediaTypes([image, image]), [])
    assert.deepEqual(binaryMediaTypes([{ ...image, dtype: 'string' }]), [])
  })
})
