import assert from 'node:assert/strict'
import { createHmac, generateKeyPairSync, sign } from 'node:crypto'
import fc from 'fast-check'
import { describe, it } from 'vitest'
import { SigningKeys } from '../../src/auth/signing-keys.ts'
import { TokenAuthorizer } from '../../src/auth/token-authorizer.ts'
import type { TokenTrust } from '../../src/auth/token-claims.ts'
import { audience, base64url, claimsOf, SigningKey, tenantId } from '../support/token-issuer.ts'

const authority = 'https://login.microsoftonline.com'
const issuers = [`${authority}/${tenantId}/v2.0`, `https://sts.windows.net/${tenantId}/`]
const own = new SigningKey('own')
const other = new SigningKey('other')
const foreign = new SigningKey('own') // an attacker's key with the same name
const now = Date.UTC(2026, 0, 1)
const claims = claimsOf(authority, now)

function authorizerWith(trust: Partial<TokenTrust> = {}, clock = { now }): TokenAuthorizer {
  const keys = new SigningKeys({
    source: { fetchKeySet: async () => ({ keys: [own.jwk, other.jwk] as never }) },
    log: assert.fail,
    elapsed: () => 0,
  })
  const whole = { tenantId, issuers, audiences: [audience], role: 'Score', ...trust }
  return new TokenAuthorizer({ trust: whole, keys, now: () => clock.now })
}

async function show(token: string, authorizer: TokenAuthorizer): Promise<void> {
  await authorizer.authorize(`Bearer ${token}`)
}

const common = authorizerWith()
const authorize = (token: string) => show(token, common)
const rejected = { code: 'BEARER_REJECTED', message: 'The token is not valid for this service.' }

describe('TokenAuthorizer', () => {
  it('accepts an application with the role, and a user whose application has the scope', async () => {
    await authorize(own.sign(claims))
    await authorize(other.sign(claims))
    await authorize(own.sign({ ...claims, roles: undefined, scp: 'openid Score profile' }))
    await authorize(own.sign({ ...claims, roles: ['Reader', 'Score'], scp: 'openid' }))
  })

  it('accepts tokens of version 1.0', async () => {
    const { azp, ...rest } = claims
    await authorize(own.sign({ ...rest, appid: azp, ver: '1.0', iss: `https://sts.windows.net/${tenantId}/` }))
  })

  it('accepts each of its audiences', async () => {
    const both = authorizerWith({ audiences: [audience, 'the-application-id'] })
    const toEither = (token: string) => show(token, both)
    await toEither(own.sign(claims))
    await toEither(own.sign({ ...claims, aud: 'the-application-id' }))
    await assert.rejects(toEither(own.sign({ ...claims, aud: 'api://other' })), rejected)
  })

  it('names the role that a token lacks', async () => {
    const lacking = [
      { roles: undefined },
      { roles: [] },
      { roles: ['score', 'Score2', ' Score'] },
      { roles: undefined, scp: 'Scores score' },
      { roles: undefined, scp: '' },
    ]
    for (const part of lacking) {
      await assert.rejects(authorize(own.sign({ ...claims, ...part })), { code: 'ROLE_MISSING', role: 'Score' })
    }
  })

  it('allows clocks to differ by a minute', async () => {
    const seconds = now / 1000
    await authorize(own.sign({ ...claims, exp: seconds - 59 }))
    await authorize(own.sign({ ...claims, nbf: seconds + 60 }))
    const expired = { code: 'BEARER_REJECTED', message: 'The token has expired.' }
    await assert.rejects(authorize(own.sign({ ...claims, exp: seconds - 60 })), expired)
    const notYet = { code: 'BEARER_REJECTED', message: 'The token is not valid yet.' }
    await assert.rejects(authorize(own.sign({ ...claims, nbf: seconds + 61 })), notYet)
  })

  it('reveals nothing about time to forgers', async () => {
    for (const time of [{ exp: 1 }, { nbf: 1e10 }]) {
      await assert.rejects(authorize(foreign.sign({ ...claims, ...time })), rejected)
      await assert.rejects(authorize(own.sign({ ...claims, ...time, aud: 'api://other' })), rejected)
    }
  })

  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const withHeader = (header: object) => `${base64url({ typ: 'JWT', kid: 'own', ...header })}.${base64url(claims)}`
  const hmac = (secret: string | Buffer) => {
    const input = withHeader({ alg: 'HS256' })
    return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`
  }
  const whole = own.sign(claims)
  const [head, body, signature] = whole.split('.') as [string, string, string]
  const es256 = () => {
    const input = withHeader({ alg: 'ES256' })
    return `${input}.${sign('sha256', Buffer.from(input), { key: ec.privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
  }
  const hostile: Record<string, string> = {
    // RFC 7519, section 6.1, and RFC 7515, appendix A.1
    'the unsecured token of the specification':
      'eyJhbGciOiJub25lIn0.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.',
    'the HS256 token of the specification':
      'eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk',
    'no algorithm': `${withHeader({ alg: 'none' })}.`,
    'no algorithm, in other letters': `${withHeader({ alg: 'nOnE' })}.`,
    'no algorithm beside a good signature': `${withHeader({ alg: 'none' })}.${signature}`,
    'an algorithm that is no text': `${withHeader({ alg: ['RS256'] })}.${signature}`,
    'a header without algorithm': `${withHeader({})}.${signature}`,
    'HS256 with the public key as PEM': hmac(own.publicKey.export({ format: 'pem', type: 'spki' })),
    'HS256 with the public key as DER': hmac(own.publicKey.export({ format: 'der', type: 'spki' })),
    'HS256 with the modulus': hmac((own.publicKey.export({ format: 'jwk' }) as { n: string }).n),
    'ES256 under the name of an RSA key': es256(),
    'RS512, which the issuer never uses': own.sign(claims, { alg: 'RS512' }, 'RSA-SHA512'),
    'RS256 that is signed with SHA-512': own.sign(claims, {}, 'RSA-SHA512'),
    'the signature of another key': foreign.sign(claims),
    'a key in the header': foreign.sign(claims, { kid: 'new', jwk: foreign.jwk }),
    'an address of keys in the header': foreign.sign(claims, { jku: 'https://attacker.example/keys' }),
    'an address of a certificate in the header': foreign.sign(claims, { x5u: 'https://attacker.example/cert' }),
    'a name of no key': own.sign(claims, { kid: 'unknown' }),
    'no name of a key': own.sign(claims, { kid: undefined }),
    'a name of a key that is a number': own.sign(claims, { kid: 1 }),
    'a critical header': own.sign(claims, { crit: ['exp'], exp: 1 }),
    'an unencoded payload': own.sign(claims, { crit: ['b64'], b64: false }),
    'no signature': `${head}.${body}.`,
    'two parts': `${head}.${body}`,
    'four parts': `${whole}.${signature}`,
    'five parts, as an encrypted token has': `${base64url({ alg: 'RSA-OAEP', enc: 'A256GCM' })}.a.b.c.d`,
    'other claims under the signature': `${head}.${base64url({ ...claims, roles: ['Score', 'Admin'] })}.${signature}`,
    'padding in the signature': `${whole}==`,
    // 256 bytes leave four bits of the last character unused.
    'stray bits in the last character':
      whole.slice(0, -1) + ({ A: 'B', Q: 'R', g: 'h', w: 'x' } as Record<string, string>)[whole.at(-1) ?? ''],
    'a header that is not base64url': `a+b/.${body}.${signature}`,
    'a header that is no JSON': `${base64url('{"alg":')}.${body}.${signature}`,
    'a header that is a list': `${base64url('[]')}.${body}.${signature}`,
    'claims that are no JSON': own.sign('{"aud": '),
    'claims that are a list': own.sign([claims]),
    'claims that are null': own.sign('null'),
    'claims that are not UTF-8': own.sign(Buffer.from(JSON.stringify(claims), 'utf16le').toString('latin1')),
    'a token within a token': own.sign(whole, { cty: 'JWT' }),
    'no token at all': 'abc',
    'a key of a service': 'a'.repeat(43),
    'another issuer': own.sign({ ...claims, iss: 'https://attacker.example/v2.0' }),
    'the issuer of another tenant': own.sign({ ...claims, iss: `${authority}/${own.kid}/v2.0` }),
    'an issuer in a list': own.sign({ ...claims, iss: issuers }),
    'an issuer with more behind it': own.sign({ ...claims, iss: `${issuers[0]}/` }),
    'another audience': own.sign({ ...claims, aud: 'api://other' }),
    'an audience in other letters': own.sign({ ...claims, aud: 'API://SCORING' }),
    'an empty list of audiences': own.sign({ ...claims, aud: [] }),
    'another tenant': own.sign({ ...claims, tid: '99999999-7c1d-4e7a-9a55-0123456789ab' }),
    'a time of expiry that is text': own.sign({ ...claims, exp: '9999999999' }),
    'a start that is text': own.sign({ ...claims, nbf: '0' }),
    'roles that are text': own.sign({ ...claims, roles: 'Score' }),
    'roles that are not all text': own.sign({ ...claims, roles: ['Score', 1] }),
    'roles that are null': own.sign({ ...claims, roles: null }),
    'scopes in a list': own.sign({ ...claims, scp: ['Score'] }),
    'an ID token, which names no client': own.sign({ ...claims, azp: undefined, nonce: 'n' }),
    // RFC 7519, section 4: of two claims with one name, the last counts; nothing else ever reads them.
    'a second audience': own.sign(JSON.stringify(claims).replace(/}$/, ',"aud":"api://other"}')),
    'a second expiry': own.sign(JSON.stringify(claims).replace(/}$/, ',"exp":"never"}')),
  }
  for (const claim of ['exp', 'aud', 'iss', 'tid'])
    hostile[`no "${claim}"`] = own.sign({ ...claims, [claim]: undefined })
  it.for(Object.entries(hostile))('rejects %s', async ([, token]) => {
    await assert.rejects(authorize(token), rejected)
  })

  it('rejects a token that is too long without parsing it', async () => {
    const ofLength = (length: number) => {
      const overhead = own.sign({ ...claims, pad: '' }).length
      return own.sign({ ...claims, pad: 'x'.repeat(Math.floor(((length - overhead) * 3) / 4)) })
    }
    const [fits, tooLong] = [ofLength(16_380), ofLength(16_390)]
    assert.ok(fits.length <= 16_384 && tooLong.length > 16_384)
    await authorize(fits)
    await assert.rejects(authorize(tooLong), rejected)
  })

  it('rejects a header without a token like one without a key', async () => {
    const authorizer = authorizerWith()
    assert.throws(() => authorizer.authorize(null), {
      code: 'BEARER_MISSING',
      message: 'This service needs a token: send the header "Authorization: Bearer <token>".',
    })
    assert.throws(() => authorizer.authorize('Bearer a b'), { code: 'BEARER_MALFORMED', message: /<token>/ })
  })

  it('rejects a valid token with any characters changed, and repeats no part of it', async () => {
    const alphabet = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.']
    const edit = fc.record({
      at: fc.nat(whole.length - 1),
      cut: fc.nat(3),
      text: fc.string({ unit: fc.constantFrom(...alphabet), maxLength: 4 }),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(edit, { minLength: 1, maxLength: 4 }), async edits => {
        let token = whole
        for (const { at, cut, text } of edits) token = token.slice(0, at) + text + token.slice(at + cut)
        fc.pre(token !== whole && token !== '')
        await assert.rejects(authorize(token), failure => {
          const { code, message, cause } = failure as Error & { code: string }
          return code === 'BEARER_REJECTED' && message === rejected.message && cause === undefined
        })
      }),
      { numRuns: 500 },
    )
  })

  it('rejects every other value of a claim that it checks', async () => {
    const claim = fc.constantFrom('aud', 'iss', 'tid')
    await fc.assert(
      fc.asyncProperty(claim, fc.jsonValue(), async (name, value) => {
        await assert.rejects(authorize(own.sign({ ...claims, [name]: value })), rejected)
      }),
      { numRuns: 50 },
    )
  })

  it('decides at once for a token that it has verified, until the token expires', async () => {
    const clock = { now }
    const authorizer = authorizerWith({}, clock)
    await show(other.sign(claims), authorizer) // so the keys are there
    const header = `Bearer ${whole}`
    await (authorizer.authorize(header) as Promise<void>)
    assert.equal(authorizer.authorize(header), undefined)
    clock.now = ((claims.exp as number) + 60) * 1000 - 1
    assert.equal(authorizer.authorize(header), undefined)
    clock.now++
    await assert.rejects(async () => authorizer.authorize(header), { message: 'The token has expired.' })
  })

  it('caches no rejected token, and no more than the last thousand', async () => {
    const authorizer = authorizerWith()
    const ask = (token: string) => show(token, authorizer)
    await ask(whole) // so the keys are there
    const lacking = own.sign({ ...claims, roles: [] })
    for (let time = 0; time < 2; time++) {
      await assert.rejects(ask(lacking), { code: 'ROLE_MISSING' })
      await assert.rejects(ask(foreign.sign(claims)), rejected)
    }
    const tokens = Array.from({ length: 1001 }, (_, index) => own.sign({ ...claims, uti: index }))
    for (const token of tokens) await ask(token)
    assert.equal(authorizer.authorize(`Bearer ${tokens[1]}`), undefined)
    assert.ok(authorizer.authorize(`Bearer ${tokens[0]}`) instanceof Promise)
  })
})
