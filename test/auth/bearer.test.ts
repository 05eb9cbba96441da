import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'vitest'
import { challenge, parseBearer } from '../../src/auth/bearer.ts'
import { ScoringError } from '../../src/errors.ts'

describe('parseBearer', () => {
  it('reads the token whatever the case of the scheme', () => {
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
      assert.throws(() => parseBearer(header), { code: 'BEARER_MALFORMED' }, header)
    }
  })

  it('reads every b64token, and rejects anything else with its code', () => {
    const token = fc.stringMatching(/^[A-Za-z0-9\-._~+/]+=*$/) // RFC 6750, section 2.1
    fc.assert(fc.property(token, text => assert.equal(parseBearer(`Bearer ${text}`), text)))
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          fc.string().map(text => `Bearer ${text}`),
        ),
        text => {
          try {
            assert.match(parseBearer(text), /^[A-Za-z0-9\-._~+/]+=*$/)
          } catch (failure) {
            assert.ok(failure instanceof ScoringError && failure.status === 401)
          }
        },
      ),
    )
  })

  it('never repeats the credential', () => {
    assert.throws(
      () => parseBearer('Bearer my secret'),
      (error: Error) => !error.message.includes('secret'),
    )
  })
})

describe('challenge', () => {
  it('has an error code only when a credential came (RFC 6750, section 3.1)', () => {
    assert.equal(challenge('iris', 'BEARER_MISSING'), 'Bearer realm="iris"')
    assert.equal(challenge('iris', 'BEARER_MALFORMED'), 'Bearer realm="iris", error="invalid_request"')
    assert.equal(challenge('iris', 'BEARER_REJECTED'), 'Bearer realm="iris", error="invalid_token"')
    assert.equal(
      challenge('iris', 'ROLE_MISSING', 'Score'),
      'Bearer realm="iris", error="insufficient_scope", scope="Score"',
    )
  })

  it('exists for failures of credentials only', () => {
    for (const code of ['KEYS_UNAVAILABLE', 'TOO_MANY_WRONG_KEYS', 'SERVICE_UNKNOWN', 'constructor']) {
      assert.equal(challenge('iris', code), undefined)
    }
  })
})
