import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'vitest'
import { encode } from '../../src/tensor/python-json.ts'
import { Tensor } from '../../src/tensor/tensor.ts'

describe('Tensor', () => {
  // What CPython's json.dumps(array.tolist()) gives, without its spaces.
  const written: [dtype: Parameters<typeof Tensor.from>[0], nested: unknown, json: string][] = [
    [
      'float64',
      [
        [1, 2.5],
        [-0, 1e-7],
      ],
      '[[1.0,2.5],[-0.0,1e-07]]',
    ],
    ['int64', [1n, 9223372036854775807n], '[1,9223372036854775807]'],
    ['uint64', [18446744073709551615n], '[18446744073709551615]'],
    ['int8', [[1], [-2]], '[[1],[-2]]'],
    ['bool', [true, false], '[true,false]'],
    ['string', ['a"b', 'é'], '["a\\"b","é"]'],
    ['float64', 7, '7.0'],
    ['int32', [], '[]'],
  ]
  for (const [dtype, nested, json] of written) {
    it(`is nested lists to JSON.stringify: ${dtype}, ${json}`, () => {
      assert.equal(JSON.stringify(Tensor.from(dtype, nested)), json)
      assert.equal(JSON.stringify({ y: Tensor.from(dtype, nested) }), `{"y":${json}}`)
    })
  }

  it('has null for what JSON has no word for', () => {
    const tensor = new Tensor('float32', Float32Array.of(Number.NaN, Number.POSITIVE_INFINITY, 0.5), [3])
    assert.equal(JSON.stringify(tensor), '[null,null,0.5]')
  })

  it('is to JSON.stringify what it is to the server', () => {
    fc.assert(
      fc.property(fc.float32Array({ maxLength: 20 }), values => {
        const tensor = new Tensor('float32', values, [values.length])
        assert.equal(JSON.stringify(tensor), encode(tensor).replaceAll(' ', ''))
      }),
    )
  })

  it('gives its elements as nested lists', () => {
    assert.deepEqual(Tensor.from('float32', [[1, 2.5]]).toList(), [[1, 2.5]])
    assert.deepEqual(Tensor.from('int64', [[1], [2]]).toList(), [[1n], [2n]])
    assert.deepEqual(Tensor.from('bool', [true, false]).toList(), [true, false])
    assert.deepEqual(Tensor.from('string', 'a').toList(), 'a')
    // What Python has of a ZipMap: a dict a row.
    const named = new Tensor('float32', Float32Array.of(0.25, 0.75), [1, 2], ['no', '__proto__'])
    assert.equal(JSON.stringify(named), '[{"no":0.25,"__proto__":0.75}]')
    assert.deepEqual(new Tensor('int8', new Int8Array(0), [2, 0]).toList(), [[], []])
  })
})
