import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'vitest'
import { EntraKeySet } from '../../src/adapters/entra-id/entra-key-set.ts'
import { SigningKeys } from '../../src/auth/signing-keys.ts'
import { TokenAuthorizer } from '../../src/auth/token-authorizer.ts'
import { Authority, audience, claimsOf, SigningKey, tenantId } from '../support/token-issuer.ts'

const [first, second] = [new SigningKey('first'), new SigningKey('second')]
const unavailable = { code: 'TOKEN_KEYS_UNAVAILABLE', status: 503 }
const rejected = { code: 'BEARER_REJECTED' }
const minute = 60_000

/** A service whose keys come over HTTP from an authority that can fail, with a virtual clock. */
async function serviceOf(test: TestContext, ...keysOfAuthority: SigningKey[]) {
  const authority = await new Authority(...keysOfAuthority).start(test)
  const clock = { elapsed: 0 }
  const lines: string[] = []
  const keys = new SigningKeys({
    source: new EntraKeySet(authority.url, tenantId),
    log: line => lines.push(line),
    elapsed: () => clock.elapsed,
  })
  const issuers = [`${authority.url}/${tenantId}/v2.0`]
  const trust = { tenantId, issuers, audiences: [audience], role: 'Score' }
  const authorizer = new TokenAuthorizer({ trust, keys, now: Date.now })
  const claims = claimsOf(authority.url, Date.now())
  const show = async (key: SigningKey, kid?: string) =>
    authorizer.authorize(`Bearer ${key.sign(claims, kid === undefined ? {} : { kid })}`)
  return { authority, clock, lines, keys, authorizer, claims, show }
}

describe('SigningKeys', () => {
  it('fetches once for all waiting requests', async test => {
    const { authority, show } = await serviceOf(test, first, second)
    await Promise.all([show(first), show(second), show(first)])
    assert.equal(authority.fetchCount, 1)
  })

  it('finds a key that the issuer begins to use', async test => {
    const { authority, clock, show } = await serviceOf(test, first)
    await show(first)
    authority.keys = [first, second]
    clock.elapsed += 30_000
    await show(second)
    await show(first)
    assert.equal(authority.fetchCount, 2)
  })

  it('drops a key that the issuer withdrew, and the tokens verified with it, when keys are renewed', async test => {
    const { authority, clock, keys, show } = await serviceOf(test, first, second)
    await show(first)
    await show(first)
    authority.keys = [second]
    await show(first) // known so far
    clock.elapsed += 10 * minute + 1
    await show(first) // renewed in the background meanwhile
    await keys.renew()
    await show(second)
    await assert.rejects(show(first), rejected)
    assert.equal(authority.fetchCount, 2)
  })

  it('fetches nothing for a dry run', async test => {
    const { authority, clock, authorizer, claims, show } = await serviceOf(test, first)
    await show(first)
    authority.keys = [first, second]
    authority.mode = 'hang'
    clock.elapsed += minute
    const dryRun = async (key: SigningKey) => authorizer.authorize(`Bearer ${key.sign(claims)}`, { isDryRun: true })
    await dryRun(first)
    await assert.rejects(dryRun(second), rejected)
    assert.equal(authority.fetchCount, 1)
  })

  it('rejects a token that does not name its key, even if there is only one', async test => {
    const { authority, clock, authorizer, claims, show } = await serviceOf(test, first)
    await show(first)
    clock.elapsed += minute
    for (const kid of [undefined, 1, null, ['first']]) {
      await assert.rejects(async () => authorizer.authorize(`Bearer ${first.sign(claims, { kid })}`), rejected)
    }
    assert.equal(authority.fetchCount, 1)
  })

  it('fetches at most twice a minute, whichever keys tokens name', async test => {
    const { authority, clock, show } = await serviceOf(test, first)
    await show(first)
    for (let second = 0; second <= 60; second++) {
      for (let index = 0; index < 5; index++) await assert.rejects(show(first, `unknown ${second} ${index}`), rejected)
      clock.elapsed += 1000
    }
    assert.equal(authority.fetchCount, 3)
  })

  it('uses its keys for a day while the issuer fails', async test => {
    const { authority, clock, lines, keys, show } = await serviceOf(test, first)
    await show(first)
    const failures: Authority['mode'][] = [
      500,
      429,
      404,
      'reset',
      { body: '' },
      { body: '<html>' },
      { body: 'null' },
      { body: '{"keys": []}' },
      { body: '{"keys": {}}' },
      { body: '{"keys": [null, 1, {"kty": "RSA"}]}' },
      { body: JSON.stringify({ keys: [new SigningKey('first', 1024).jwk] }) },
      { body: JSON.stringify({ keys: [second.jwk] }) + ' '.repeat(1_048_576) },
      { redirect: `${authority.url}/elsewhere` },
    ]
    for (const mode of failures) {
      authority.mode = mode
      const { fetchCount } = authority
      clock.elapsed += 11 * minute
      await keys.renew()
      assert.equal(authority.fetchCount, fetchCount + 1, JSON.stringify(mode))
      await show(first)
    }
    clock.elapsed = 24 * 60 * minute
    await show(first)
    clock.elapsed += minute
    await assert.rejects(show(first), unavailable)
    assert.equal(lines.length, 1)
    assert.match(lines[0] ?? '', /^the keys for checking tokens cannot be fetched: http.*\/keys: status 500$/)
    authority.mode = 'ok'
    clock.elapsed += 5000
    await show(first)
    assert.deepEqual(lines.slice(1), ['the keys for checking tokens can be fetched again'])
  })

  it('answers 503 for an unknown key while the issuer fails', async test => {
    const { authority, clock, show } = await serviceOf(test, first)
    await show(first)
    authority.mode = 503
    clock.elapsed += 30_000
    await assert.rejects(show(second), unavailable)
    await show(first)
  })

  it('without any key answers 503, neither 401 nor a pass, and asks again every five seconds', async test => {
    const { authority, clock, show } = await serviceOf(test, first)
    authority.mode = 500
    for (let second = 0; second < 10; second++) {
      for (let index = 0; index < 5; index++) await assert.rejects(show(first), unavailable)
      clock.elapsed += 1000
    }
    assert.equal(authority.fetchCount, 2)
    authority.mode = 'ok'
    await show(first)
  })

  it('waits at most five seconds for an issuer that does not answer, or does not finish', async test => {
    const waitFor = async (mode: 'hang' | 'trickle') => {
      const { authority, clock, show } = await serviceOf(test, first)
      authority.mode = mode
      await assert.rejects(Promise.all([show(first), show(first)]), unavailable)
      await assert.rejects(show(first), unavailable) // at once
      assert.equal(authority.fetchCount, 1)
      authority.mode = 'ok'
      clock.elapsed += 5000
      await show(first)
    }
    await Promise.all([waitFor('hang'), waitFor('trickle')])
  })

  it('does not delay requests with a known key while the issuer hangs', async test => {
    const { authority, clock, authorizer, claims, show } = await serviceOf(test, first)
    await show(first)
    const header = `Bearer ${first.sign(claims)}`
    await authorizer.authorize(header)
    authority.mode = 'hang'
    clock.elapsed += 11 * minute
    assert.equal(authorizer.authorize(header), undefined)
    await show(first)
  })
})
