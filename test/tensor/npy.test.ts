import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'vitest'
import { ScoringError } from '../../src/errors.ts'
import { allocate, type TensorData } from '../../src/tensor/dtype.ts'
import type { BinaryDtype } from '../../src/tensor/element-bytes.ts'
import { decodeNpy } from '../../src/tensor/npy.ts'
import { elementCount } from '../../src/tensor/shape.ts'
import { Tensor } from '../../src/tensor/tensor.ts'
import { binaryInputs, bytesOf } from '../support/binary-inputs.ts'
import { encodeNpy } from '../support/npy-writer.ts'

const dtypes: BinaryDtype[] = [
  ...(['bool', 'int8', 'uint8', 'int16', 'uint16', 'int32'] as const),
  ...(['uint32', 'int64', 'uint64', 'float16', 'float32', 'float64'] as const),
]

/** As Python's `str` of the same elements, but for the digits of floats, which are compared as numbers. */
function readAs(dtype: string, text: string): unknown {
  if (dtype === 'bool') return text === 'True' ? 1 : 0
  if (dtype.endsWith('int64')) return BigInt(text)
  return { inf: Infinity, '-inf': -Infinity, nan: NaN }[text] ?? Number(text)
}

const tensors = fc
  .record({ dtype: fc.constantFrom(...dtypes), shape: fc.array(fc.nat(4), { maxLength: 4 }), seed: fc.nat(1e9) })
  .map(({ dtype, shape, seed }) => {
    const data = allocate(dtype, elementCount(shape)) as Uint8Array
    const bytes = new Uint8Array(data.buffer)
    let state = seed
    for (let index = 0; index < bytes.length; index++) {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0
      bytes[index] = dtype === 'bool' ? state & 1 : state >>> 24
    }
    return new Tensor(dtype, data, shape)
  })

const file = (header: string, data = new Uint8Array(0), version = [1, 0]) => {
  const length = version[0] === 1 ? [header.length & 255, header.length >> 8] : [header.length, 0, 0, 0]
  return Uint8Array.from([0x93, ...Buffer.from('NUMPY'), ...version, ...length, ...Buffer.from(header), ...data])
}

function failureOf(bytes: Uint8Array): string {
  try {
    decodeNpy('x', bytes)
  } catch (failure) {
    assert.ok(failure instanceof ScoringError, String(failure))
    return `${failure.code} ${failure.message}`
  }
  return assert.fail('it was decoded')
}

describe('decodeNpy', () => {
  for (const { name, dtype, shape, values, npy } of binaryInputs.arrays) {
    it(`reads what NumPy saved: ${name}`, () => {
      const tensor = decodeNpy('x', bytesOf(npy))
      assert.deepEqual([tensor.dtype, tensor.shape], [dtype, shape])
      assert.deepEqual(
        Array.from(tensor.data as Float64Array),
        values.map(value => readAs(dtype, value)),
      )
    })
  }

  for (const { name, dtype, npy } of binaryInputs.refusedArrays) {
    it(`names the dtype of what no tensor holds: ${name}`, () => {
      const message = failureOf(bytesOf(npy))
      assert.match(message, /^INPUT_TYPE_MISMATCH input "x" came as \.npy of /)
      assert.ok(message.includes(name === 'structured' ? 'a structured dtype' : `"${dtype}"`), message)
    })
  }

  it('reads what encodeNpy writes, bit by bit', () => {
    fc.assert(
      fc.property(tensors, tensor => {
        const again = decodeNpy('x', encodeNpy(tensor))
        assert.deepEqual([again.dtype, again.shape], [tensor.dtype, tensor.shape])
        assert.deepEqual(bitsOf(again.data), bitsOf(tensor.data))
      }),
    )
  })

  it('does not copy what it can read in place, and copies what lies across a word', () => {
    const saved = encodeNpy(new Tensor('float32', Float32Array.of(1, 2, 3), [3]))
    assert.equal((decodeNpy('x', saved).data as Float32Array).buffer, saved.buffer)
    const moved = new Uint8Array(saved.length + 1)
    moved.set(saved, 1)
    assert.deepEqual(Array.from(decodeNpy('x', moved.subarray(1)).data as Float32Array), [1, 2, 3])
  })

  it('takes the members of the header in any order and spelling that Python reads', () => {
    const bytes = Uint8Array.of(1, 0, 2, 0)
    for (const header of [
      `{'descr': '<i2', 'fortran_order': False, 'shape': (2,), }\n`,
      `{"shape": (2L,), "fortran_order": True, "descr": "<i2"}`,
      `  {'fortran_order':False,'shape':(2 ,),'descr':'<i2',}  \n`,
    ])
      assert.deepEqual(Array.from(decodeNpy('x', file(header, bytes)).data as Int16Array), [1, 2], header)
  })

  it('says what is wrong with a file', () => {
    const good = `{'descr': '<i2', 'fortran_order': False, 'shape': (2,), }`
    const cases: [Uint8Array, RegExp][] = [
      [new Uint8Array(0), /does not begin with/],
      [Buffer.from('PK\x03\x04'), /does not begin with/],
      [file(good).subarray(0, 7), /ends in its header/],
      [file(good, undefined, [4, 0]), /version 4\.0/],
      [file(good).subarray(0, 9), /ends in its header/],
      [file(good).subarray(0, 30), /ends in its header/],
      [Uint8Array.from([0x93, ...Buffer.from('NUMPY'), 2, 0, 255, 255, 255, 255]), /4294967295 bytes/],
      [file(good), /needs 4 bytes, 0 follow/],
      [file(good, new Uint8Array(5)), /needs 4 bytes, 5 follow/],
      [file(good.replace('(2,)', '(2)')), /not a tuple/],
      [file(good.replace('(2,)', '(,)')), /not a tuple/],
      [file(good.replace('(2,)', '(-2,)')), /header is not/],
      [file(good.replace('(2,)', `(${'1,'.repeat(33)})`)), /33 dimensions/],
      [file(good.replace('(2,)', '(4294967296, 4294967296, 4294967296)')), /needs 1\.58\d*e\+29 bytes/],
      [file(good.replace('(2,)', `(${'9'.repeat(400)}, 0)`)), /not a tuple of sizes/],
      [file(good.replace('False', '0')), /header is not/],
      [file(`${good} + [].__class__`), /header is not/],
      [file(good.replace("'shape'", "'shade'")), /header is not/],
      [file(good.replace("'shape': (2,)", "'descr': '<i2'")), /header is not/],
      [file(`{'descr': '<i2', 'shape': (2,)}`), /header is not/],
      [file(good.replaceAll(',', '')), /header is not/],
    ]
    for (const [bytes, why] of cases) {
      const message = failureOf(bytes)
      assert.match(message, /^INPUT_NOT_NPY the body is not a \.npy file: /)
      assert.match(message, why)
    }
  })

  it('refuses a bool that is neither 0 nor 1, and a byte order that depends on the reader', () => {
    assert.match(
      failureOf(file(`{'descr': '|b1', 'fortran_order': False, 'shape': (2,)}`, Uint8Array.of(1, 2))),
      /^INPUT_TYPE_MISMATCH .*element 1 is neither/,
    )
    for (const descr of ['=f4', 'f4', '|f4', '<f3', '<F4', ' <f4', 'float32'])
      assert.match(
        failureOf(file(`{'descr': '${descr}', 'fortran_order': False, 'shape': (1,)}`, new Uint8Array(4))),
        /^INPUT_TYPE_MISMATCH/,
        descr,
      )
  })

  it('decodes or refuses whatever a damaged file says, and never fails otherwise', () => {
    const whole = bytesOf(binaryInputs.arrays[0]?.npy as string)
    const damages = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 })
    fc.assert(
      fc.property(damages, fc.nat(whole.length), (changes, length) => {
        const bytes = whole.slice(0, length)
        for (const [at, byte] of changes) if (at < length) bytes[at] = byte
        try {
          const { shape, data } = decodeNpy('x', bytes)
          assert.equal(data.length, elementCount(shape))
        } catch (failure) {
          assert.ok(failure instanceof ScoringError, String(failure))
        }
      }),
      { numRuns: 2000 },
    )
  })
})

function bitsOf(data: TensorData): number[] {
  const { buffer, byteOffset, byteLength } = data as Uint8Array
  return [...new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength)]
}
