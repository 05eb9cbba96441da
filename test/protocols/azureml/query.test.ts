import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'vitest'
import { encodeQuery } from '../../../src/protocols/azureml/query.ts'

const read = (query: string) => new TextDecoder().decode(encodeQuery(`http://h/score${query}`))

describe('encodeQuery', () => {
  it('reads every JSON value back, under any name', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue({ noUnicodeString: false })), parameters => {
        const query = Object.entries(parameters).map(
          ([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(JSON.stringify(value))}`,
        )
        assert.deepEqual(JSON.parse(read(`?${query.join('&')}`)), JSON.parse(JSON.stringify(parameters)))
      }),
    )
  })

  it('keeps escapes that are no UTF-8, and undoes those beside them', () => {
    // werkzeug 3.1 (Azure ML's server) for each
    assert.equal(read('?a=%ff'), '{"a": "%FF"}')
    assert.equal(read('?a=%E2%82%AC%E2%82x'), '{"a": "\\u20ac%E2%82x"}')
    assert.equal(read('?a=%F0%9F%98%80%80'), '{"a": "\\ud83d\\ude00%80"}')
    assert.equal(read('?a=%zz%4'), '{"a": "%zz%4"}')
    assert.equal(read(`?a=${'%ff'.repeat(10_000)}b`), `{"a": "${'%FF'.repeat(10_000)}b"}`)
  })

  it('is an empty object without a query', () => {
    assert.deepEqual([read(''), read('?'), read('?&&')], ['{}', '{}', '{}'])
  })

  it('keeps numbers that no double holds as they are written', () => {
    assert.equal(read('?a=1e400&b=-12345678901234567890'), '{"a": 1e400, "b": -12345678901234567890}')
  })

  it('keeps a lone surrogate and __proto__ harmless', () => {
    assert.equal(read('?__proto__={"a":1}'), '{"__proto__": {"a": 1}}')
  })
})
