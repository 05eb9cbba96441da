import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'vitest'
import { JsonError, readJson } from '../../src/tensor/json-reader.ts'
import { parseJson } from '../../src/tensor/json-source.ts'

/** With the infinities of `JSON.parse`. */
function withInfinities(value: unknown): unknown {
  if (typeof value === 'bigint') return Number(value)
  if (Array.isArray(value)) return value.map(withInfinities)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, withInfinities(member)]))
}

describe('readJson', () => {
  it('reads what JSON.parse reads', () => {
    fc.assert(
      fc.property(fc.json(), fc.constantFrom(0, 1, 2), (text, indent) => {
        const written = JSON.stringify(JSON.parse(text), null, indent)
        assert.deepEqual(readJson(written), JSON.parse(written))
      }),
    )
    for (const text of ['{"__proto__": 1}', '{"a": 1, "a": 2}', '"\\u00e9\\n\\""', '-0', '1E2', ' [ ] ', '{ }']) {
      assert.deepEqual(readJson(text), JSON.parse(text), text)
    }
  })

  it('refuses what JSON.parse refuses', () => {
    fc.assert(
      fc.property(fc.json(), fc.nat(), fc.constantFrom('', ',', '"', '}', ']', 'x', '\\', '0'), (text, at, with_) => {
        const index = at % text.length
        const broken = text.slice(0, index) + with_ + text.slice(index + 1)
        let isJson = true
        try {
          JSON.parse(broken)
        } catch {
          isJson = false
        }
        // What is beyond doubles is an infinity to JSON.parse, and here a number that no double holds.
        if (isJson) assert.deepEqual(withInfinities(readJson(broken)), JSON.parse(broken))
        else assert.throws(() => readJson(broken), JsonError)
      }),
      { numRuns: 1000 },
    )
  })

  it("takes Python's words for NaN and infinities outside strings, when asked to", () => {
    // json.loads('[NaN, Infinity, -Infinity, "NaN"]') of CPython 3.11
    const text = '[NaN, Infinity, -Infinity, "NaN"]'
    assert.deepEqual(readJson(text, { takesNonFinite: true }), [NaN, Infinity, -Infinity, 'NaN'])
    assert.throws(() => readJson(text), { message: 'unexpected character at line 1, column 2', position: 1 })
    for (const none of ['nan', '-NaN', '+Infinity', 'inf', 'Infinit', 'NaNs', '{NaN: 1}'])
      assert.throws(() => readJson(`[${none}]`, { takesNonFinite: true }), JsonError, none)
  })

  it('keeps whole numbers exact when asked to, and tells numbers beyond doubles from infinities', () => {
    const [exact, huge] = readJson('[9007199254740993, -1e400]', { hasExactIntegers: true }) as bigint[]
    assert.equal(exact, 9007199254740993n)
    assert.equal(typeof huge, 'bigint')
    assert.equal(Number(huge), -Infinity)
  })

  it('keeps members in the order in which they were written', () => {
    const inOrder = parseJson('{"b": 1, "10": 2, "9": 3}', false).inOrder() as Map<string, number>
    assert.deepEqual(
      [...inOrder],
      [
        ['b', 1],
        ['10', 2],
        ['9', 3],
      ],
    )
  })
})
