import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'vitest'
import type { Dtype } from '../../src/tensor/dtype.ts'
import { decodeNested, type NonFiniteInput } from '../../src/tensor/nested.ts'
import { encode } from '../../src/tensor/python-json.ts'
import type { DeclaredShape } from '../../src/tensor/shape.ts'
import { Tensor } from '../../src/tensor/tensor.ts'

const decodeAs = (
  name: string,
  dtype: Dtype,
  shape: DeclaredShape | undefined,
  nested: unknown,
  takes?: NonFiniteInput,
) => decodeNested(nested, { name, dtype, shape, takes })

const failsWith = (code: string, message: RegExp) => (error: unknown) => {
  assert.equal((error as { code: string }).code, code)
  assert.match((error as Error).message, message)
  return true
}

describe('decodeNested', () => {
  it('reads rows in row-major order', () => {
    const tensor = decodeAs(
      'x',
      'float32',
      ['batch', 2],
      [
        [1, 2],
        [3, 4],
        [5, 6],
      ],
    )
    assert.deepEqual(tensor.shape, [3, 2])
    assert.deepEqual([...tensor.data], [1, 2, 3, 4, 5, 6])
  })

  it('takes the shape of the arrays when the model declares none', () => {
    assert.deepEqual(decodeAs('x', 'int32', undefined, [[[1], [2]]]).shape, [1, 2, 1])
    assert.deepEqual(decodeAs('x', 'float64', undefined, 7).shape, [])
  })

  it('names both shapes when they differ', () => {
    const decode = () => decodeAs('data', 'float32', ['batch', 10], [[1, 2]])
    assert.throws(decode, failsWith('INPUT_SHAPE_MISMATCH', /"data" has shape \[1, 2\]; expected \[batch, 10\]/))
    assert.throws(
      () => decodeAs('data', 'float32', ['batch', 10], []),
      failsWith('INPUT_SHAPE_MISMATCH', /"data" has no rows; send at least one/),
    )
    assert.throws(
      () => decodeAs('data', 'float32', ['batch', 10], 3),
      failsWith('INPUT_TYPE_MISMATCH', /"data" is a number, the model takes lists of shape \[batch, 10\]/),
    )
  })

  it('knows the sizes behind an empty list from the declaration', () => {
    assert.deepEqual(decodeAs('x', 'float32', [2, 0, 4], [[], []]).shape, [2, 0, 4])
    assert.deepEqual(decodeAs('boxes', 'float32', ['batch', 'found', 4], [[], []]).shape, [2, 0, 4])
    assert.deepEqual(decodeAs('x', 'int64', ['n'], []).shape, [0])
    assert.throws(
      () => decodeAs('x', 'float32', [2, 3], []),
      failsWith('INPUT_SHAPE_MISMATCH', /has shape \[0, 3\]; expected \[2, 3\]/),
    )
  })

  it('names the first row that is longer or shorter than row 0', () => {
    const decode = () => decodeAs('data', 'float32', ['batch', 2], [[1, 2], [3], [4, 5]])
    assert.throws(decode, failsWith('INPUT_RAGGED', /"data"\[1\] has 1 entries, input "data"\[0\] has 2/))
    const deep = () =>
      decodeAs('data', 'float32', undefined, [
        [[1], [2]],
        [[3], [4, 5]],
      ])
    assert.throws(deep, failsWith('INPUT_RAGGED', /"data"\[1\]\[1\] has 2 entries/))
  })

  it('names the element that is no number, never its value', () => {
    for (const [value, kind] of [
      ['secret', 'a string'],
      [null, 'null'],
      [true, 'a boolean'],
      [{}, 'an object'],
      [[1], 'a list'],
    ]) {
      assert.throws(
        () =>
          decodeAs(
            'data',
            'float64',
            ['batch', 2],
            [
              [1, 2],
              [3, value],
            ],
          ),
        (error: Error) =>
          error.message.includes(`input "data"[1][1]: expected a number (float64), got ${kind}`) &&
          !error.message.includes('secret'),
      )
    }
  })

  it('refuses numbers that the type cannot hold', () => {
    const cases: [Dtype, unknown][] = [
      ['float64', JSON.parse('1e400')],
      ['float32', 3.5e38],
      ['float16', 65520],
      ['int8', 128],
      ['uint8', -1],
      ['uint32', 4294967296],
      ['int32', 1.5],
      ['int64', 0.5],
      ['int64', 2n ** 63n],
      ['uint64', -1n],
    ]
    for (const [dtype, value] of cases) {
      assert.throws(
        () => decodeAs('x', dtype, undefined, [value]),
        failsWith('INPUT_TYPE_MISMATCH', /^input "x"\[0\] is /),
        dtype,
      )
    }
  })

  it('keeps the largest number of every type', () => {
    const cases: [Dtype, unknown, unknown][] = [
      ['float32', 3.4028234663852886e38, 3.4028234663852886e38],
      ['float16', 65504, 65504],
      ['int8', -128, -128],
      ['uint16', 65535, 65535],
      ['int64', 9223372036854775807n, 9223372036854775807n],
      ['uint64', 18446744073709551615n, 18446744073709551615n],
      ['bool', true, 1],
      ['string', 'é', 'é'],
    ]
    for (const [dtype, value, stored] of cases)
      assert.deepEqual([...decodeAs('x', dtype, undefined, [value]).data], [stored], dtype)
  })

  it('takes missing values and infinities of floats where it is told to', () => {
    const read = (dtype: Dtype, values: unknown[], takes: NonFiniteInput) => [
      ...decodeAs('x', dtype, undefined, values, takes).data,
    ]
    for (const dtype of ['float16', 'float32', 'float64'] as const) {
      assert.deepEqual(read(dtype, [null, 1], 'null'), [NaN, 1])
      assert.deepEqual(read(dtype, [null, NaN, Infinity, -Infinity], 'all'), [NaN, NaN, Infinity, -Infinity])
      // In JSON without Python's words, an infinity is a number like 1e400.
      assert.throws(() => read(dtype, [Infinity], 'null'), failsWith('INPUT_TYPE_MISMATCH', /is too large a number/))
      for (const missing of [null, NaN])
        assert.throws(() => read(dtype, [missing], 'none'), failsWith('INPUT_TYPE_MISMATCH', /"missing": "error"/))
    }
    assert.throws(() => read('float32', [1e39], 'all'), failsWith('INPUT_TYPE_MISMATCH', /is too large a number/))
    assert.throws(
      () => read('float64', [10n ** 400n], 'all'),
      failsWith('INPUT_TYPE_MISMATCH', /is too large a number/),
    )
    for (const dtype of ['int32', 'int64', 'bool', 'string'] as const) {
      const why = /: expected .*, got null; only floating-point values can be missing$/
      assert.throws(() => read(dtype, [null], 'all'), failsWith('INPUT_TYPE_MISMATCH', why))
    }
    assert.deepEqual(
      [
        ...Tensor.from('float32', [
          [null, NaN],
          [Infinity, 1],
        ]).data,
      ],
      [NaN, NaN, Infinity, 1],
    )
  })

  it('takes whole numbers beyond 2^53, which a body with int64 has as BigInt, as floats', () => {
    assert.deepEqual([...decodeAs('x', 'float64', undefined, [2n ** 60n]).data], [2 ** 60])
  })

  it('rounds what is a little beyond the largest number as its type does', () => {
    // IEEE 754: up to half a step beyond the largest number rounds to it. numpy.float16(65519) is 65504.
    assert.deepEqual([...decodeAs('x', 'float16', undefined, [65519]).data], [65504])
  })

  it('gives back what the encoder wrote, for every type and shape', () => {
    const elements: Record<string, fc.Arbitrary<unknown>> = {
      float64: fc.double({ noNaN: true, noDefaultInfinity: true }),
      float32: fc.float({ noNaN: true, noDefaultInfinity: true }),
      int8: fc.integer({ min: -128, max: 127 }),
      uint32: fc.nat({ max: 4294967295 }),
      bool: fc.boolean(),
      string: fc.string({ unit: 'binary' }),
    }
    for (const [dtype, element] of Object.entries(elements)) {
      const nested = fc
        .tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 4 }))
        .chain(([rows, columns]) =>
          fc.array(fc.array(element, { minLength: columns, maxLength: columns }), { minLength: rows, maxLength: rows }),
        )
      fc.assert(
        fc.property(nested, rows => {
          const tensor = decodeAs('x', dtype as Dtype, undefined, rows)
          const again = decodeAs(
            'x',
            dtype as Dtype,
            tensor.shape,
            JSON.parse(encode(new Tensor(dtype as Dtype, tensor.data, tensor.shape))),
          )
          assert.deepEqual(again, tensor)
        }),
        { numRuns: 50 },
      )
    }
  })
})
