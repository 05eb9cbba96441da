import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { challenge, parseBearer } from '../../src/auth/bearer.ts'
import { ServiceKeys } from '../../src/auth/service-keys.ts'

describe('parseBearer', () => {
  it('takes the token whatever the case of the scheme', () => {
    assert.equal(parseBearer('Bearer abc.-_~+/=='), 'abc.-_~+/==')
    assert.equal(parseBearer('bearer   abc '), 'abc')
    assert.equal(parseBearer('BEARER abc'), 'abc')
  })

  it('tells a missing credential from a malformed one', () => {
    for (const header of [null, '', 'Basic dXNlcjpwYXNz', 'Bearerabc', 'abc']) {
      assert.throws(() => parseBearer(header), { code: 'BEARER_MISSING' }, String(header))
    }
    for (const header of [
      'Bearer',
      'Bearer ',
      'Bearer a b',
      'Bearer a,Bearer b',
      'Bearer "abc"',
      'Bearer é',
      'Bearer =',
    ]) {
      assert.throws(() => parseBearer(header), { code: 'BEARER_REJECTED' }, header)
    }
  })

  it('never repeats what came', () => {
    assert.throws(
      () => parseBearer('Bearer my secret'),
      (error: Error) => !error.message.includes('secret'),
    )
  })
})

describe('challenge', () => {
  it('has an error code only when a credential came (RFC 6750, section 3.1)', () => {
    assert.equal(challenge('iris', 'BEARER_MISSING'), 'Bearer realm="iris"')
    assert.equal(challenge('iris', 'BEARER_REJECTED'), 'Bearer realm="iris", error="invalid_token"')
    assert.equal(
      challenge('iris', 'ROLE_MISSING', 'Score'),
      'Bearer realm="iris", error="insufficient_scope", scope="Score"',
    )
  })
})

describe('ServiceKeys', () => {
  const keys = new ServiceKeys({ primary: 'a'.repeat(32), secondary: 'b'.repeat(40) })

  it('opens with either key', () => {
    keys.authorize(`Bearer ${'a'.repeat(32)}`)
    keys.authorize(`Bearer ${'b'.repeat(40)}`)
  })

  it('does not open with anything else, of any length', () => {
    for (const key of ['a', 'a'.repeat(31), 'a'.repeat(33), `${'a'.repeat(31)}b`]) {
      assert.throws(() => keys.authorize(`Bearer ${key}`), { code: 'BEARER_REJECTED' })
    }
  })
})
