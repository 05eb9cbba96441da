import assert from 'node:assert/strict'
import { Agent } from 'node:https'
import { connect } from 'node:tls'
import { inspect } from 'node:util'
import { describe, it, type TestContext } from 'vitest'
import { KeyVaultSecretStore } from '../../src/adapters/azure/key-vault-secret-store.ts'
import { parseVaultUrl } from '../../src/adapters/azure/vault-url.ts'
import { noOpenssl } from '../host/certificates.ts'
import { type Fault, type KeyVaultDouble, startKeyVaultDouble } from '../support/key-vault-double.ts'
import { skipFor } from '../support/skip-for.ts'
import { storeOfDouble } from '../support/store-of-double.ts'

const key = 'sfkey_for-tests-only-0123456789abcdefghijklmnopqr'

/** A vault that holds a key, and a store that has been told of it. */
async function openedVault(test: TestContext) {
  const vault = await startKeyVaultDouble(test)
  vault.set('iris-primary-key', key)
  const store = await storeOfDouble(vault)
  const read = (ms = 20_000) => store.fetchSecret('iris-primary-key', AbortSignal.timeout(ms))
  const write = (value: string) => store.writeSecret('iris-primary-key', value, AbortSignal.timeout(100_000))
  return { vault, read, write }
}

/** The message, after a look at all that a log could print of the error. */
async function messageOf(call: Promise<unknown>, { token }: KeyVaultDouble, ...secrets: string[]): Promise<string> {
  const failure = await call.then(
    () => assert.fail('it should have failed'),
    (error: unknown) => error,
  )
  assert.ok(failure instanceof Error)
  const printed = inspect(failure, { showHidden: true, depth: 10 })
  for (const secret of [key, token, ...secrets]) assert.ok(!printed.includes(secret), printed)
  return failure.message
}

describe('KeyVaultSecretStore', skipFor(noOpenssl), () => {
  it('is challenged once, and from then on shows its token at once', async test => {
    const { vault, read } = await openedVault(test)
    await read()
    assert.equal(vault.requestCount, 2)
    await read()
    assert.equal(vault.requestCount, 3)
    assert.deepEqual(vault.shownCredentials, [`Bearer ${vault.token}`, `Bearer ${vault.token}`])
    assert.deepEqual(vault.askedNames, ['iris-primary-key', 'iris-primary-key'])
  })

  it('asks again after a short pause', async test => {
    const faults: Fault[] = [
      { kind: 'throttled', retryAfter: '1', times: 1 },
      { kind: 'unavailable', times: 2 },
      { kind: 'reset', times: 1 },
    ]
    const { vault, read } = await openedVault(test)
    for (const fault of faults) {
      vault.fail(fault)
      assert.equal((await read())?.value, key, fault.kind)
    }
  })

  it('waits for a slow answer', async test => {
    const { vault, read } = await openedVault(test)
    vault.fail({ kind: 'slow', delayMs: 300 })
    assert.equal((await read())?.value, key)
  })

  it('does not wait as long as the vault asks for when that is long', async test => {
    const { vault, read } = await openedVault(test)
    await read()
    for (const retryAfter of ['600', new Date(Date.now() + 600_000).toUTCString()]) {
      for (const kind of ['throttled', 'unavailable'] as const) {
        const before = vault.requestCount
        vault.fail({ kind, retryAfter })
        assert.match(await messageOf(read(), vault), /"iris-primary-key": status (429|503), RetryLater$/)
        assert.equal(vault.requestCount, before + 1)
      }
    }
    vault.fail(undefined)
    assert.equal((await read())?.value, key)
  })

  it('ends a call with its signal', async test => {
    const { vault, read } = await openedVault(test)
    await read()
    for (const fault of [
      { kind: 'hang' },
      { kind: 'slow', delayMs: 5000 },
      { kind: 'unavailable' },
    ] satisfies Fault[]) {
      vault.fail(fault)
      assert.match(await messageOf(read(200), vault), /"iris-primary-key": no answer within the timeout$/)
    }
    vault.fail(undefined)
    assert.equal((await read())?.value, key)
  })

  it('asks nothing when the signal has ended before', async test => {
    const { vault, read } = await openedVault(test)
    await assert.rejects(read(0), /no answer within the timeout/)
    assert.equal(vault.requestCount, 0)
  })

  const failures: [Fault, RegExp][] = [
    [{ kind: 'reset' }, /: ECONNRESET$/],
    [{ kind: 'unavailable' }, /: status 503, ServiceUnavailable$/],
    [{ kind: 'throttled' }, /: status 429, Throttled$/],
    [{ kind: 'unauthorized' }, /: status 401, Unauthorized: the vault rejects the token of this identity$/],
    [{ kind: 'forbidden' }, /: status 403, Forbidden, ForbiddenByRbac: .*"Key Vault Secrets User"/],
    [{ kind: 'garbage' }, /did not return the secret "iris-primary-key"/],
    [{ kind: 'garbage', body: '{}' }, /did not return the secret "iris-primary-key"/],
    [{ kind: 'garbage', body: `{"value":"${key}"}` }, /did not return the secret "iris-primary-key"/],
    [{ kind: 'garbage', body: JSON.stringify({ error: { code: key, message: key } }) }, /no secret|did not return/],
    [{ kind: 'garbage', body: 'null' }, /did not return the secret "iris-primary-key"/],
  ]
  for (const [fault, message] of failures) {
    const { kind, body = '' } = fault as { kind: string; body?: string }
    it(`names the vault, the secret and the reason: ${kind} ${body}`, async test => {
      const { vault, read } = await openedVault(test)
      await read()
      vault.fail(fault)
      const said = await messageOf(read(), vault)
      assert.ok(said.startsWith(`the vault ${vault.url.slice('https://'.length)} `), said)
      assert.match(said, message)
      vault.fail(undefined)
      assert.equal((await read())?.value, key)
    })
  }

  it('does not take a limit that it cannot read for none', async test => {
    const { vault, read } = await openedVault(test)
    const id = `${vault.url}/secrets/iris-primary-key/0123456789abcdef0123456789abcdef`
    for (const attributes of [
      { enabled: true, exp: 'soon' },
      { enabled: true, nbf: 'later' },
      { enabled: true, exp: 0 },
      {},
      { enabled: 'yes' },
    ]) {
      vault.fail({ kind: 'garbage', body: JSON.stringify({ value: key, id, attributes }) })
      assert.match(await messageOf(read(), vault), /the response is not a secret$/)
    }
  })

  it('does not take the 404 of something before the vault for an answer of the vault', async test => {
    const { vault, read } = await openedVault(test)
    vault.fail({ kind: 'not found' })
    assert.match(await messageOf(read(), vault), /status 404$/)
  })

  it('says which role a writer needs, and not what was written', async test => {
    const { vault, write } = await openedVault(test)
    vault.fail({ kind: 'forbidden' })
    const value = 'sfkey_never-to-be-seen-in-any-message-0123456789'
    assert.match(await messageOf(write(value), vault, value), /did not store .*"Key Vault Secrets Officer"/)
    assert.deepEqual(vault.valuesOf('iris-primary-key'), [key])
  })

  it('has written when the connection broke before or after', async test => {
    const { vault, read, write } = await openedVault(test)
    await read()
    for (const kind of ['reset', 'reset after'] as const) {
      vault.fail({ kind, times: 1 })
      await write(`new key after ${kind}`)
      assert.equal(vault.valuesOf('iris-primary-key').at(-1), `new key after ${kind}`)
    }
  })

  it('sends no value before the vault has been identified', async test => {
    const { vault, write } = await openedVault(test)
    await write('a new key')
    assert.equal(vault.shownBodies.length, 2)
    assert.equal(vault.shownBodies[0], '')
    assert.match(vault.shownBodies[1] ?? '', /"value":"a new key"/)
  })

  it('gives up on a token that does not come', async test => {
    const { vault } = await openedVault(test)
    const never = { getToken: () => new Promise<never>(() => {}) }
    const relaxed = { agent: new Agent({ ca: vault.ca }), disableChallengeResourceVerification: true }
    const store = new KeyVaultSecretStore(parseVaultUrl(vault.url), never, relaxed)
    const said = await messageOf(store.fetchSecret('iris-primary-key', AbortSignal.timeout(200)), vault)
    assert.match(said, /no answer within the timeout$/)
  })

  it('says that there is no token, and the number of the reason', async test => {
    const { vault } = await openedVault(test)
    const failure = Object.assign(new Error(`invalid_client: AADSTS700016: not found: ${vault.token}`), {
      name: 'AuthenticationError',
    })
    const relaxed = { agent: new Agent({ ca: vault.ca }), disableChallengeResourceVerification: true }
    const store = new KeyVaultSecretStore(
      parseVaultUrl(vault.url),
      { getToken: () => Promise.reject(failure) },
      relaxed,
    )
    const said = await messageOf(store.fetchSecret('iris-primary-key', AbortSignal.timeout(100_000)), vault)
    assert.match(said, /AuthenticationError: no token for this identity \(AADSTS700016\)$/)
  })

  describe('of a vault in Azure', () => {
    /** The client as it is in Azure; only the address that the name leads to is another. */
    async function openedAzureVault(test: TestContext, trusted = true) {
      const vault = await startKeyVaultDouble(test)
      vault.set('iris-primary-key', key)
      const port = Number(new URL(vault.url).port)
      const ca = trusted ? vault.ca : undefined
      const agent = new Agent()
      agent.createConnection = () => connect({ host: 'localhost', port, ca, servername: 'localhost' })
      const getToken = async () => ({ token: vault.token, expiresOnTimestamp: Date.now() + 3_600_000 })
      const store = new KeyVaultSecretStore(parseVaultUrl('https://my-vault.vault.azure.net'), { getToken }, { agent })
      return { vault, read: () => store.fetchSecret('iris-primary-key', AbortSignal.timeout(100_000)) }
    }

    it('shows its token to a vault that asks for one of the vaults of its cloud', async test => {
      const { read } = await openedAzureVault(test)
      assert.equal((await read())?.value, key)
    })

    for (const resource of ['https://vault.azure.cn', 'https://management.azure.com', 'https://evil.example']) {
      it(`shows no token to a vault that asks for one of ${resource}`, async test => {
        const { vault, read } = await openedAzureVault(test)
        vault.fail({ kind: 'other resource', resource })
        const said = await messageOf(read(), vault)
        assert.match(
          said,
          /^the vault my-vault\.vault\.azure\.net .*: the vault requests a token for another resource$/,
        )
        assert.deepEqual(vault.shownCredentials, [])
      })
    }

    it('shows nothing to a vault whose certificate it does not trust', async test => {
      const { vault, read } = await openedAzureVault(test, false)
      assert.match(await messageOf(read(), vault), /: DEPTH_ZERO_SELF_SIGNED_CERT$/)
      assert.equal(vault.requestCount, 0)
    })
  })
})
