import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'vitest'
import { findDuplicateKey } from '../../../src/models/definition/duplicate-key.ts'

describe('findDuplicateKey', () => {
  it('gives the path of a key that occurs twice', () => {
    assert.equal(findDuplicateKey('{"a": 1, "b": 2, "a": 3}'), 'a')
    assert.equal(findDuplicateKey('{"limits": {"timeoutMs": 1, "maxRows": 2, "timeoutMs": 3}}'), 'limits.timeoutMs')
    assert.equal(findDuplicateKey('{"l": [{"a": 1}, 2, {"b": [], "b": {}}]}'), 'l.2.b')
    assert.equal(findDuplicateKey('{"a": 1, "\\u0061": 2}'), 'a')
    assert.equal(findDuplicateKey('{"__proto__": 1, "__proto__": 2}'), '__proto__')
  })

  it('finds nothing in keys of different objects, values, or keys that hold brackets', () => {
    assert.equal(
      findDuplicateKey('{"a": {"a": "a"}, "b": ["a", "a"], "{": "}", "\\"a": 1, "": 2, "c": [{"a": 1}, {"a": 2}]}'),
      undefined,
    )
    fc.assert(
      fc.property(fc.json(), text => {
        assert.equal(findDuplicateKey(JSON.stringify(JSON.parse(text))), undefined)
      }),
    )
  })
})
