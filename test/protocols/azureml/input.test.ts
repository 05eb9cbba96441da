import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'vitest'
import { decodeParameters, decodeText } from '../../../src/protocols/azureml/input.ts'

const bytes = (text: string) => new TextEncoder().encode(text)
const decode = (text: string, contentType: string | undefined = 'application/json', isExact = false) =>
  decodeParameters(bytes(text), contentType, isExact)

const failsWith = (code: string, message: string) => (error: unknown) => {
  assert.equal((error as { code: string }).code, code)
  assert.equal((error as Error).message, message)
  return true
}

describe('decodeParameters', () => {
  it('reads an object, with or without a byte order mark', () => {
    assert.deepEqual(decode('{"data": [1]}'), { data: [1] })
    assert.deepEqual(decode('\uFEFF{"data": [1]}'), { data: [1] })
  })

  it('takes the content types that count as JSON', () => {
    for (const type of [
      'application/json',
      'application/json; charset=utf-8',
      'Application/JSON',
      'application/vnd.x+json',
    ]) {
      assert.deepEqual(decode('{}', type), {}, type)
    }
    for (const type of ['text/json', 'text/plain', 'application/x-www-form-urlencoded', '']) {
      assert.throws(
        () => decode('{}', type),
        failsWith('CONTENT_TYPE_UNSUPPORTED', 'Expects Content-Type to be application/json'),
        type,
      )
    }
    assert.throws(() => decodeParameters(bytes('{}'), undefined, false), /Content-Type/)
  })

  it('words its refusals as the original does', () => {
    assert.throws(() => decode(''), failsWith('BODY_EMPTY', 'POST body is empty. Expecting a JSON dictionary.'))
    assert.throws(() => decode('[1]'), failsWith('BODY_NOT_OBJECT', 'POST body should be a JSON dictionary.'))
    // What CPython 3.11's json.loads says of each text.
    const texts: [string, string][] = [
      ['{"data": [1,2}', "Expecting ',' delimiter: line 1 column 14 (char 13)"],
      ['{"a" 1}', "Expecting ':' delimiter: line 1 column 6 (char 5)"],
      ['{a:1}', 'Expecting property name enclosed in double quotes: line 1 column 2 (char 1)'],
      ['[1,]', 'Expecting value: line 1 column 4 (char 3)'],
      ['{"a":1,}', 'Expecting property name enclosed in double quotes: line 1 column 8 (char 7)'],
      ['"abc', 'Unterminated string starting at: line 1 column 1 (char 0)'],
      ['"a\\x"', 'Invalid \\escape: line 1 column 3 (char 2)'],
      ['"\\u12"', 'Invalid \\uXXXX escape: line 1 column 3 (char 2)'],
      ['nope', 'Expecting value: line 1 column 1 (char 0)'],
      ['[1] x', 'Extra data: line 1 column 5 (char 4)'],
      ['{"a":}', 'Expecting value: line 1 column 6 (char 5)'],
      ['"a\nb"', 'Invalid control character at: line 1 column 3 (char 2)'],
      ['[01]', "Expecting ',' delimiter: line 1 column 3 (char 2)"],
      ['1.', 'Extra data: line 1 column 2 (char 1)'],
      ['\n\n[tru]', 'Expecting value: line 3 column 2 (char 3)'],
    ]
    for (const [text, said] of texts) {
      assert.throws(() => decode(text), failsWith('BODY_NOT_JSON', `POST body could not be decoded as JSON: ${said}`))
    }
  })

  it('refuses nesting that no input needs before anything recursive sees it', () => {
    const deep = `{"data": ${'['.repeat(1_000_000)}`
    assert.throws(
      () => decode(deep),
      failsWith('BODY_NESTED_TOO_DEEPLY', 'POST body is nested deeper than 1000 levels.'),
    )
    const brackets = JSON.stringify({ data: '[{'.repeat(5000), escaped: '\\"'.repeat(5000) })
    assert.equal((decode(brackets).data as string).length, 10_000)
  })

  it('keeps __proto__ a name like any other', () => {
    const parameters = decode('{"__proto__": {"polluted": true}, "data": 1}')
    assert.equal(({} as { polluted?: boolean }).polluted, undefined)
    assert.equal((parameters as { polluted?: boolean }).polluted, undefined)
  })

  it('keeps whole numbers beyond 2^53 exact when asked to', () => {
    assert.deepEqual(decode('{"data": [9007199254740993, 1, -1.5]}', undefined, true), {
      data: [9007199254740993n, 1, -1.5],
    })
  })

  it('takes exactly the texts that JSON.parse takes, and names a place in all others', () => {
    fc.assert(
      fc.property(fc.oneof(fc.json(), fc.string({ unit: fc.constantFrom(...'{}[]",:0eE1.-+\\ntu \n') })), text => {
        const trial = `{"data": ${text}}`
        const isJson = (() => {
          try {
            JSON.parse(trial)
            return true
          } catch {
            return false
          }
        })()
        if (isJson) assert.deepEqual(decode(trial), JSON.parse(trial))
        else assert.throws(() => decode(trial), /: line \d+ column \d+ \(char \d+\)$/)
      }),
      { numRuns: 2000 },
    )
  })
})

describe('decodeText', () => {
  it('keeps the byte order mark, as the original does', () => {
    assert.equal(decodeText(bytes('\uFEFFx')), '\uFEFFx')
  })

  it('words what is not UTF-8 as CPython does', () => {
    // Each as bytes(...).decode('utf-8') of CPython 3.11 says it.
    const cases: [number[], string][] = [
      [[0xff], "'utf-8' codec can't decode byte 0xff in position 0: invalid start byte"],
      [[0x61, 0xc3, 0x28], "'utf-8' codec can't decode byte 0xc3 in position 1: invalid continuation byte"],
      [[0xe2, 0x82], "'utf-8' codec can't decode bytes in position 0-1: unexpected end of data"],
      [[0xe2, 0x82, 0x28], "'utf-8' codec can't decode bytes in position 0-1: invalid continuation byte"],
      [[0xc3], "'utf-8' codec can't decode byte 0xc3 in position 0: unexpected end of data"],
      [[0xed, 0xa0, 0x80], "'utf-8' codec can't decode byte 0xed in position 0: invalid continuation byte"],
      [[0xc0, 0x80], "'utf-8' codec can't decode byte 0xc0 in position 0: invalid start byte"],
    ]
    for (const [body, said] of cases) {
      assert.throws(
        () => decodeText(Uint8Array.from(body)),
        failsWith('BODY_NOT_UTF8', `Input cannot be decoded as UTF-8: ${said}`),
      )
    }
  })
})
