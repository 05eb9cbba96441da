import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { decodeJson, encodeJson } from '../../src/client/json.ts'

describe('encodeJson', () => {
  it.for<[text: string, value: unknown]>([
    ['{"data":[[1,2.5]]}', { data: [new Float32Array([1, 2.5])] }],
    ['["NaN","Infinity","-Infinity"]', [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]],
    ['{"id":9007199254740993}', { id: 9_007_199_254_740_993n }],
    ['[-9223372036854775808]', new BigInt64Array([-9_223_372_036_854_775_808n])],
    ['{"when":"1970-01-01T00:00:00.000Z","none":null}', { when: new Date(0), no: undefined, none: null }],
  ])('writes %s', ([text, value]) => {
    assert.equal(encodeJson(value), text)
  })
})

describe('decodeJson', () => {
  it.for<[text: string, value: unknown]>([
    ['[9007199254740993, 1]', [9_007_199_254_740_993n, 1]],
    [
      '[1234567890123456, 0.12345678901234567, 12345678901234567890.5]',
      [1234567890123456, 0.12345678901234566, 1.2345678901234567e19],
    ],
    [
      '{"a": NaN, "b": [-Infinity, Infinity], "c": "NaN \\" Infinity"}',
      { a: Number.NaN, b: [-Infinity, Infinity], c: 'NaN " Infinity' },
    ],
    ['"9007199254740993"', '9007199254740993'],
    ['[NaN, "\\ue000 text"]', [Number.NaN, '\ue000 text']],
  ])('reads %s', ([text, value]) => {
    assert.deepEqual(decodeJson(text), value)
  })

  it('rejects what is no JSON', () => {
    assert.throws(() => decodeJson('{"a": Nan}'), SyntaxError)
    assert.throws(() => decodeJson('<html>NaN</html>'), SyntaxError)
  })
})
