import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'vitest'
import { encode } from '../../src/tensor/python-json.ts'
import { Tensor } from '../../src/tensor/tensor.ts'
import { TensorList } from '../../src/tensor/tensor-list.ts'

const floats = (...values: number[]) => new Tensor('float64', Float64Array.from(values), [values.length])

describe('encode', () => {
  it('writes separators, escapes and key order as json.dumps does', () => {
    // json.dumps({"é": "a\u007f\n\"\\/😀", "k": [1, 2.5, True, None, "x"]}) of CPython 3.11
    assert.equal(
      encode({ é: 'a\u007f\n"\\/😀', k: [1, 2.5, true, null, 'x'] }),
      '{"\\u00e9": "a\\u007f\\n\\"\\\\/\\ud83d\\ude00", "k": [1, 2.5, true, null, "x"]}',
    )
    assert.equal(encode([]), '[]')
    assert.equal(encode({}), '{}')
  })

  it('writes floats as repr does', () => {
    // Each pair as CPython 3.11 prints it.
    const pairs: [number, string][] = [
      [0.1, '0.1'],
      [1, '1.0'],
      [-0, '-0.0'],
      [1e-5, '1e-05'],
      [0.0001, '0.0001'],
      [1.5e-7, '1.5e-07'],
      [1e16, '1e+16'],
      [123456789012345680, '1.2345678901234568e+17'],
      [1e22, '1e+22'],
      [1.7976931348623157e308, '1.7976931348623157e+308'],
      [5e-324, '5e-324'],
      [3e15, '3000000000000000.0'],
      [9999999999999998, '9999999999999998.0'],
      [1e100, '1e+100'],
    ]
    assert.equal(encode(floats(...pairs.map(([number]) => number))), `[${pairs.map(([, text]) => text).join(', ')}]`)
  })

  it('writes float32 as the shortest text that reads back to it', () => {
    // numpy: repr of np.float32 for each
    assert.equal(
      encode(Tensor.from('float32', [0.1, 16777216, 1 / 3, 3.4028235e38, 1e-45, 217.67978])),
      '[0.1, 16777216.0, 0.33333334, 3.4028235e+38, 1e-45, 217.67978]',
    )
    fc.assert(
      fc.property(fc.float({ noNaN: true, noDefaultInfinity: true }), number => {
        const text = encode(Tensor.from('float32', number))
        assert.ok(Object.is(Math.fround(Number(text)), number), text)
      }),
    )
  })

  it('writes float32 with the fewest digits, and of those texts the nearest', () => {
    const fewestDigits = (number: number) => {
      const texts = Array.from({ length: 9 }, (_, index) => Number(number.toPrecision(index + 1)))
      return texts.find(text => Math.fround(text) === number)
    }
    const size = fc.tuple(fc.double({ min: 1, max: 10, noNaN: true }), fc.integer({ min: -37, max: 37 }))
    const cases = [
      fc.float({ noNaN: true, noDefaultInfinity: true, min: Math.fround(1e-30) }),
      size.map(([digits, exponent]) => Math.fround(digits * 10 ** exponent)),
      // As many as there are halves, quarters, eighths: the middle between two texts.
      fc.tuple(fc.integer({ min: 1, max: 2 ** 24 }), fc.integer({ min: 0, max: 20 })).map(([n, e]) => n / 2 ** e),
    ]
    fc.assert(
      fc.property(fc.oneof(...cases), number => {
        for (const each of [number, -number])
          assert.equal(Number(encode(Tensor.from('float32', each))), fewestDigits(each))
      }),
      { numRuns: 2000 },
    )
  })

  it('writes each row as an object where the last axis has names, as Python writes a list of dicts', () => {
    // json.dumps([{"no": 0.25, 'a "é"': 0.75}, {"no": 1.0, 'a "é"': 0.0}])
    const scores = new Tensor('float32', Float32Array.of(0.25, 0.75, 1, 0), [2, 2], ['no', 'a "é"'])
    const text = '[{"no": 0.25, "a \\"\\u00e9\\"": 0.75}, {"no": 1.0, "a \\"\\u00e9\\"": 0.0}]'
    assert.equal(encode(scores), text)
    assert.equal(encode({ list: new TensorList([scores, floats(1)]) }), `{"list": [${text}, [1.0]]}`)
    assert.equal(encode(new Tensor('float32', new Float32Array(0), [0, 1], ['no'])), '[]')
    assert.throws(() => new Tensor('float32', Float32Array.of(1, 2), [1, 2], ['no']), /needs 2 classes, got 1/)
  })

  it('writes NaN and infinities as null, or as Python does when told to', () => {
    assert.equal(encode(floats(Number.NaN, Infinity, -Infinity)), '[null, null, null]')
    assert.equal(encode(floats(Number.NaN, Infinity, -Infinity), 'literal'), '[NaN, Infinity, -Infinity]')
    assert.equal(encode({ x: Number.NaN }), '{"x": null}')
  })

  it('keeps integers beyond 2^53 exact', () => {
    assert.equal(encode(Tensor.from('int64', [9223372036854775807n])), '[9223372036854775807]')
    assert.equal(encode(2n ** 64n), '18446744073709551616')
  })

  it('writes tensors, typed arrays and dates inside other values', () => {
    const value = { t: Tensor.from('bool', [[true], [false]]), a: Int8Array.of(1, -1), d: new Date(0), u: undefined }
    assert.equal(encode(value), '{"t": [[true], [false]], "a": [1, -1], "d": "1970-01-01T00:00:00.000Z"}')
  })

  it('writes typed arrays as tensors of the same type', () => {
    assert.equal(encode([Float64Array.of(1, 1e-7), Float32Array.of(0.1, 2)]), '[[1.0, 1e-07], [0.1, 2.0]]')
    assert.equal(encode(BigInt64Array.of(-(2n ** 63n))), '[-9223372036854775808]')
    assert.equal(encode(Float32Array.of(Number.NaN), 'literal'), '[NaN]')
  })

  it('writes the holes of a sparse list as null', () => {
    // biome-ignore lint/suspicious/noSparseArray: the subject of the test
    assert.equal(encode([1, , 3]), '[1, null, 3]')
  })

  it('refuses what JSON cannot hold', () => {
    const cycle: unknown[] = []
    cycle.push(cycle)
    for (const value of [() => 1, Symbol('s'), cycle, { m: new Map() }, new Error('e'), /x/, [].values(), new Blob([])])
      assert.throws(() => encode(value), TypeError)
  })

  it('says the same as JSON.stringify up to white space and escapes', () => {
    fc.assert(
      fc.property(fc.jsonValue(), value =>
        assert.deepEqual(JSON.parse(encode(value)), JSON.parse(JSON.stringify(value))),
      ),
    )
  })
})
