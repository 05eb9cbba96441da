import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it, test } from 'vitest'
import { decodeJsonBody, decodeText } from '../../../src/protocols/http/json-body.ts'

const bytes = (text: string) => new TextEncoder().encode(text)
const decode = (text: string, contentType: string | undefined = 'application/json', isExact = false) =>
  decodeJsonBody(bytes(text), contentType, { hasExactIntegers: isExact, takesNonFinite: false }).parameters

const failsWith = (code: string, message: string) => (error: unknown) => {
  assert.equal((error as { code: string }).code, code)
  assert.equal((error as Error).message, message)
  return true
}

describe('decodeJsonBody', () => {
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
    assert.throws(
      () => decodeJsonBody(bytes('{}'), undefined, { hasExactIntegers: false, takesNonFinite: false }),
      /Content-Type/,
    )
  })

  it('words its refusals as the original does', () => {
    assert.throws(() => decode(''), failsWith('BODY_EMPTY', 'POST body is empty. Expecting a JSON dictionary.'))
    assert.throws(() => decode('[1]'), failsWith('BODY_NOT_OBJECT', 'POST body should be a JSON dictionary.'))
  })

  // The positions are those of CPython 3.11's json.loads, but for texts that end within a string.
  test.each([
    ['{"data": [1,2}', 'character at line 1, column 14'],
    ['{"a" 1}', 'character at line 1, column 6'],
    ['{a:1}', 'character at line 1, column 2'],
    ['[1,]', 'character at line 1, column 4'],
    ['{"a":1,}', 'character at line 1, column 8'],
    ['"abc', 'end at line 1, column 5'],
    ['"a\\', 'end at line 1, column 4'],
    ['"a\\x"', 'character at line 1, column 3'],
    ['"\\u12"', 'character at line 1, column 3'],
    ['nope', 'character at line 1, column 1'],
    ['[1] x', 'character at line 1, column 5'],
    ['{"a":}', 'character at line 1, column 6'],
    ['{"a":', 'end at line 1, column 6'],
    ['"a\nb"', 'character at line 1, column 3'],
    ['[01]', 'character at line 1, column 3'],
    ['1.', 'character at line 1, column 2'],
    ['\n\n[tru]', 'character at line 3, column 2'],
  ])('says where %j is not JSON, and quotes nothing of it', (text, said) => {
    const message = `POST body could not be decoded as JSON: unexpected ${said}`
    assert.throws(() => decode(text), failsWith('BODY_NOT_JSON', message))
    const lenient = { hasExactIntegers: false, takesNonFinite: true }
    assert.throws(() => decodeJsonBody(bytes(text), 'application/json', lenient), failsWith('BODY_NOT_JSON', message))
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

  it('takes exactly the texts that JSON.parse takes, and names a position in all others', () => {
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
        else assert.throws(() => decode(trial), /: unexpected (character|end) at line \d+, column \d+$/)
      }),
      { numRuns: 2000 },
    )
  })
})

describe('decodeText', () => {
  it('keeps the byte order mark, as the original does', () => {
    assert.equal(decodeText(bytes('\uFEFFx')), '\uFEFFx')
  })

  // The offsets are the positions of CPython 3.11's bytes.decode.
  test.each([
    [[0xff], 0],
    [[0x61, 0xc3, 0x28], 1],
    [[0xe2, 0x82], 0],
    [[0xe2, 0x82, 0x28], 0],
    [[0xc3], 0],
    [[0xed, 0xa0, 0x80], 0],
    [[0xc0, 0x80], 0],
    // A byte order mark, an own U+FFFD, a character of four bytes, then a byte that begins none.
    [[0xef, 0xbb, 0xbf, 0xef, 0xbf, 0xbd, 0xf0, 0x9f, 0x98, 0x80, 0xef, 0xbf, 0xbd, 0x80], 13],
    [[0xef, 0xbf, 0xbd, 0xef, 0xbf], 3],
  ])('says at which offset %j is not UTF-8', (body, offset) => {
    assert.throws(
      () => decodeText(Uint8Array.from(body)),
      failsWith('BODY_NOT_UTF8', `Input cannot be decoded as UTF-8: invalid byte at offset ${offset}`),
    )
  })
})
