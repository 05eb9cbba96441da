/** Messages that TensorFlow's Python package wrote, as its runtime in C++ reads them (fixtures/tensorflow-serving). */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, it } from 'vitest'
import { ScoringError } from '../../../src/errors.ts'
import { MessageWriter } from '../../../src/protocols/grpc/message-writer.ts'
import { readTensor } from '../../../src/protocols/tensorflow-serving/read-tensor.ts'
import { TensorMessage } from '../../../src/protocols/tensorflow-serving/tensor-message.ts'
import { writeTensor } from '../../../src/protocols/tensorflow-serving/write-tensor.ts'
import { type Dtype, typedArrays } from '../../../src/tensor/dtype.ts'
import { Tensor } from '../../../src/tensor/tensor.ts'

interface Recorded {
  readonly name: string
  readonly dtype: Dtype
  readonly proto: string
  readonly shape: number[]
  readonly values: unknown[]
}

const { requests, answers } = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../fixtures/tensorflow-serving/messages.json'), 'utf8'),
) as Record<'requests' | 'answers', Recorded[]>

const fromBase64 = (text: string) => Uint8Array.from(Buffer.from(text, 'base64'))

function read(bytes: Uint8Array): Tensor {
  const message = new TensorMessage()
  message.add(bytes)
  return readTensor('x', message)
}

/** Elements as the fixtures write them. */
function listOf({ dtype, data }: Tensor): unknown[] {
  return Array.from(data as ArrayLike<unknown>, element =>
    typeof element === 'bigint' ? String(element) : dtype === 'bool' ? element === 1 : element,
  )
}

function tensorOf({ dtype, shape, values }: Recorded): Tensor {
  if (dtype === 'string') return new Tensor(dtype, values as string[], shape)
  const elements =
    dtype.endsWith('64') && !dtype.startsWith('float') ? values.map(each => BigInt(each as string)) : values
  return new Tensor(dtype, (typedArrays[dtype] as Float32ArrayConstructor).from(elements as number[]), shape)
}

const dims = (...sizes: number[]) => {
  const shape = new MessageWriter()
  for (const size of sizes) shape.message(2, new MessageWriter().integer(1, size))
  return shape
}
const tensor = (dtype: number, ...sizes: number[]) => new MessageWriter().integer(1, dtype).message(2, dims(...sizes))

describe('readTensor', () => {
  it.for(requests)('reads what TensorFlow reads: $name', ({ dtype, proto, shape, values }) => {
    const found = read(fromBase64(proto))
    assert.equal(found.dtype, dtype)
    assert.deepEqual(found.shape, shape)
    assert.deepEqual(listOf(found), values)
  })

  it('reads numbers that are not packed, fields in any order, and a message that comes in two parts', () => {
    const one = new MessageWriter().float(5, 0.5).message(2, dims(2)).float(5, -1.5).integer(1, 1)
    assert.deepEqual(listOf(read(one.finish())), [0.5, -1.5])
    const message = new TensorMessage()
    message.add(new MessageWriter().integer(1, 2).message(2, dims(1)).float(5, 0.5).finish())
    message.add(new MessageWriter().integer(1, 1).message(2, dims(2)).float(5, -1.5).finish())
    const { dtype, shape, data } = readTensor('x', message)
    assert.deepEqual([dtype, shape, [...(data as Float32Array)]], ['float32', [1, 2], [0.5, -1.5]])
  })

  it.for([
    ['a size that the value cannot fill', tensor(1, 1_000_000_000, 8, 8).float(5, 1), 'INPUT_INVALID', /send all/],
    ['more elements than can be counted', tensor(1, 2 ** 40, 2 ** 40).float(5, 1), 'INPUT_INVALID', /counted/],
    [
      'a long text for many elements',
      tensor(7, 1000).bytes(8, new Uint8Array(2000)),
      'INPUT_INVALID',
      /1 of 1000 .* send all/,
    ],
    ['texts that the value cannot fill', tensor(7, 100_000_000).text(8, ''), 'INPUT_INVALID', /send all/],
    ['no values', tensor(1, 2), 'INPUT_INVALID', /neither tensor_content nor float_val/],
    ['values of another type', tensor(2, 1).float(5, 1), 'INPUT_INVALID', /float_val, where those of DT_DOUBLE/],
    [
      'too many values',
      tensor(1, 1).float(5, 1).float(5, 2),
      'INPUT_SHAPE_MISMATCH',
      /needs 1 elements, float_val has 2/,
    ],
    ['values for no element', tensor(1, 0).float(5, 1), 'INPUT_SHAPE_MISMATCH', /needs 0 elements/],
    ['bytes of another length', tensor(1, 2).bytes(4, new Uint8Array(7)), 'INPUT_SHAPE_MISMATCH', /8 bytes .* got 7/],
    ['an open size', tensor(1, -1).float(5, 1), 'INPUT_INVALID', /size -1/],
    [
      'an unknown rank',
      new MessageWriter().integer(1, 1).message(2, new MessageWriter().bool(3, true)),
      'INPUT_INVALID',
      /unknown rank/,
    ],
    ['255 dimensions', tensor(1, ...new Array(255).fill(1)).float(5, 1), 'INPUT_INVALID', /254 dimensions/],
    ['no type', new MessageWriter().float(5, 1), 'INPUT_TYPE_MISMATCH', /has no dtype/],
    [
      'a type of no model',
      tensor(14, 1).integer(13, 1),
      'INPUT_TYPE_MISMATCH',
      /14 \(DT_BFLOAT16\); taken are DT_FLOAT/,
    ],
    [
      'a number that the type has not',
      tensor(4, 2).integers(7, [1, 256]),
      'INPUT_TYPE_MISMATCH',
      /value 1 is 256, uint8 has 0 to 255/,
    ],
    ['more bits than half_val has', tensor(19, 1).integers(13, [65536]), 'INPUT_TYPE_MISMATCH', /16 bits/],
    [
      'text that is not UTF-8',
      tensor(7, 1).bytes(8, Uint8Array.of(0xff)),
      'INPUT_TYPE_MISMATCH',
      /value 0 is not UTF-8/,
    ],
    ['strings of another length', tensor(7, 1).bytes(4, Uint8Array.of(3, 65)), 'INPUT_INVALID', /ends within value 0/],
    ['strings without lengths', tensor(7, 9).bytes(4, Uint8Array.of(0, 0)), 'INPUT_INVALID', /no lengths of 9/],
    ['a flag that is none', tensor(10, 1).bytes(4, Uint8Array.of(2)), 'INPUT_TYPE_MISMATCH', /neither 0 nor 1/],
  ] as const)('refuses %s', ([, message, code, words]) => {
    assert.throws(
      () => read(message.finish()),
      (failure: ScoringError) => {
        assert.equal(failure.code, code, failure.message)
        assert.match(failure.message, /^input "x"/)
        assert.match(failure.message, words)
        return true
      },
    )
  })

  it('answers any bytes with a tensor or a ScoringError', () => {
    const whole = requests.map(({ proto }) => fromBase64(proto))
    const changed = fc
      .record({ bytes: fc.constantFrom(...whole), at: fc.nat(200), byte: fc.nat(255), end: fc.nat(300) })
      .map(({ bytes, at, byte, end }) => {
        const copy = Uint8Array.from(bytes)
        if (at < copy.length) copy[at] = byte
        return copy.subarray(0, end)
      })
    fc.assert(
      fc.property(fc.oneof(changed, fc.uint8Array({ maxLength: 40 })), bytes => {
        try {
          assert.ok(read(bytes) instanceof Tensor)
        } catch (failure) {
          if (!(failure instanceof ScoringError)) throw failure
        }
      }),
      { numRuns: 2000 },
    )
  })
})

describe('writeTensor', () => {
  it.for(answers)('writes the bytes that protobuf writes for the typed field: $dtype', recorded => {
    assert.equal(Buffer.from(writeTensor(tensorOf(recorded)).finish()).toString('base64'), recorded.proto)
  })

  it('writes what readTensor reads, from any part of a larger array', () => {
    const whole = Float32Array.of(9, 1, 2, 3, 4, 9)
    const part = new Tensor('float32', whole.subarray(1, 5), [2, 2])
    assert.deepEqual(listOf(read(writeTensor(part).finish())), [1, 2, 3, 4])
    assert.deepEqual(read(writeTensor(new Tensor('float32', new Float32Array(), [0, 3])).finish()).shape, [0, 3])
    assert.deepEqual(listOf(read(writeTensor(new Tensor('float32', Float32Array.of(Number.NaN), [])).finish())), [
      Number.NaN,
    ])
  })
})
