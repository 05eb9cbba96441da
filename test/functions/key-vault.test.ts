import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, it, type TestContext } from 'vitest'
import { KeyManagement } from '../../src/auth/key-management.ts'
import { noOpenssl } from '../host/certificates.ts'
import { type Fault, startKeyVaultDouble } from '../support/key-vault-double.ts'
import { identityModel } from '../support/onnx-writer.ts'
import { runApp } from '../support/running-app.ts'
import { SecretWatch } from '../support/secret-watch.ts'
import { skipFor } from '../support/skip-for.ts'
import { storeOfDouble } from '../support/store-of-double.ts'

const files = {
  'sut/service.json': {},
  'sut/1/model.onnx': identityModel('float32'),
  'other/service.json': { openapi: { public: false } },
  'other/1/model.onnx': identityModel('float32'),
}
const keyTypes = ['primary', 'secondary'] as const
const keyOf = (service: string, keyType: string) => `${keyType}-key-of-${service}-for-tests-only`.padEnd(48, '0')

/** The built app as it is in Azure, with its keys in a vault; all that it prints and answers is watched for them. */
async function appWithVault(test: TestContext, fault?: Fault, more: Record<string, string> = {}) {
  const vault = await startKeyVaultDouble(test)
  vault.fail(fault)
  const watch = new SecretWatch()
  watch.used(vault.token)
  for (const service of ['sut', 'other']) {
    for (const keyType of keyTypes) vault.set(`${service}-${keyType}-key`, watch.used(keyOf(service, keyType)))
  }
  const environment = {
    ...vault.environment,
    AZURE_FUNCTIONS_ENVIRONMENT: 'Production',
    AZURE_LOG_LEVEL: 'verbose',
    ...more,
  }
  const app = await runApp(test, files, environment)
  const ask = (key: string) =>
    watch.fetch(`${app.url}/api/v1/service/sut/score`, {
      method: 'POST',
      body: '{"data": [[1, 2]]}',
      headers: { authorization: `Bearer ${watch.used(key)}`, 'content-type': 'application/json' },
    })
  const score = async (key: string) => (await ask(key)).status
  /** Until the model is loaded and the keys are read. */
  const ready = async () => {
    while ((await score(keyOf('sut', 'primary'))) === 503) await sleep(20)
  }
  const check = () => {
    watch.seen('output', app.output())
    watch.assertNothingLeaked()
  }
  return { vault, app, ask, score, ready, check }
}

describe('KEY_VAULT_URL: the app with a vault', skipFor(noOpenssl), () => {
  it('takes both keys of the vault, and a new one at its first request', async test => {
    const { vault, score, ready, check } = await appWithVault(test)
    await ready()
    const store = await storeOfDouble(vault)
    const management = new KeyManagement(store, randomBytes)
    assert.equal(await score(keyOf('sut', 'secondary')), 200)
    const fresh = await management.regenKey({ service: 'sut', type: 'Secondary' }, AbortSignal.timeout(100_000))
    assert.equal(await score(fresh), 200)
    assert.equal(await score(keyOf('sut', 'primary')), 200)
    assert.equal(await score(keyOf('sut', 'secondary')), 401)
    assert.equal(await score(keyOf('other', 'primary')), 401)
    check()
  })

  it('refuses no valid key over a hundred rotations, now of one key, now of the other', async test => {
    const { vault, score, ready, check } = await appWithVault(test)
    await ready()
    const keys = { primary: keyOf('sut', 'primary'), secondary: keyOf('sut', 'secondary') }
    for (let n = 0; n < 100; n++) {
      const keyType = n % 2 ? 'primary' : 'secondary'
      keys[keyType] = `${keyType}-rotated-${n}`.padEnd(40, '.')
      vault.set(`sut-${keyType}-key`, keys[keyType])
      // The one that is new, and the one that stayed, in no order.
      const clients = [keys.primary, keys.secondary, keys.primary, keys.secondary, keys[keyType]]
      assert.deepEqual(await Promise.all(clients.map(score)), [200, 200, 200, 200, 200], `rotation ${n}`)
    }
    for (const keyType of keyTypes) assert.equal(await score(keyOf('sut', keyType)), 401)
    check()
  })

  it('goes on with the keys it knows while the vault is away, also while it is asked', async test => {
    const { vault, score, ready, check } = await appWithVault(test)
    await ready()
    vault.fail({ kind: 'reset' })
    assert.equal(await score('wrong'), 401) // makes it ask; from now on it tries again by itself
    for (const kind of ['garbage', 'forbidden', 'hang'] as const) {
      vault.fail({ kind })
      const { requestCount } = vault
      while (vault.requestCount === requestCount) {
        assert.equal(await score(keyOf('sut', 'primary')), 200)
        await sleep(20)
      }
      assert.equal(await score(keyOf('sut', 'secondary')), 200)
    }
    check()
  })

  it('answers 503 to every key until it has read them, and recovers by itself', async test => {
    const { vault, app, ask, ready, check } = await appWithVault(test, { kind: 'reset' })
    for (const key of [keyOf('sut', 'primary'), 'wrong']) {
      const { status, headers, body } = await ask(key)
      assert.deepEqual(
        [status, JSON.parse(body).code, headers.get('www-authenticate'), headers.get('retry-after')],
        [503, 'KEYS_UNAVAILABLE', null, '10'],
      )
    }
    assert.equal((await fetch(`${app.url}/api/v1/service/sut`)).status, 503)
    vault.fail(undefined)
    while ((await fetch(`${app.url}/health/ready`)).status !== 200) await sleep(20)
    await ready()
    check()
  })

  it('counts no key as wrong that it could not check', async test => {
    const { vault, app, ready, check } = await appWithVault(test, { kind: 'reset' }, { SCORING_METRICS: 'on' })
    const headers = { authorization: `Bearer ${keyOf('sut', 'primary')}` }
    for (let n = 0; n < 25; n++) {
      const metrics = await fetch(`${app.url}/metrics`, { headers })
      const { code } = (await metrics.json()) as { code: string }
      assert.deepEqual([metrics.status, code, metrics.headers.get('retry-after')], [503, 'KEYS_UNAVAILABLE', '10'])
      assert.equal((await fetch(`${app.url}/health/ready`, { headers })).status, 503)
    }
    vault.fail(undefined)
    await ready()
    const scrapeWithWrongKey = async () =>
      (await fetch(`${app.url}/metrics`, { headers: { authorization: 'Bearer wrong' } })).status
    let status: number
    do status = await scrapeWithWrongKey()
    while (status === 503) // the keys of the other service are not read yet
    assert.equal(status, 401)
    assert.equal((await fetch(`${app.url}/metrics`, { headers })).status, 200)
    check()
  })

  it('asks the vault once for a flood of wrong keys, authorizes valid ones meanwhile, and repeats none', async test => {
    const { vault, ask, score, ready, check } = await appWithVault(test)
    await ready()
    vault.askedNames.length = 0
    const startedAt = performance.now()
    const statuses = new Set<number>()
    for (let n = 0; n < 40; n++) {
      const wrong = Array.from({ length: 10 }, (_, each) =>
        ask(`${n}-${each}-${randomBytes(24).toString('base64url')}`),
      )
      for (const { status } of await Promise.all(wrong)) statuses.add(status)
      assert.equal(await score(keyOf('sut', keyTypes[n % 2] as string)), 200)
    }
    assert.deepEqual([...statuses], [401, 429])
    // Two secrets at a time, and no more than one time in ten seconds.
    const turns = 1 + Math.floor((performance.now() - startedAt) / 10_000)
    assert.ok(vault.askedNames.length <= 2 * turns, vault.askedNames.join())
    check()
  })

  it('counts a wrong key wherever one is asked for, once', async test => {
    const { app, ready, check } = await appWithVault(test, undefined, { SCORING_METRICS: 'on' })
    await ready()
    const service = '/api/v1/service/other'
    const paths = [`${service}/score`, `${service}/swagger.json`, `${service}/jobs`, '/metrics', '/health/ready']
    const answers = (key: string) =>
      Promise.all(
        paths.map(async path => {
          const { status } = await fetch(`${app.url}${path}`, { headers: { authorization: `Bearer ${key}` } })
          return status
        }),
      )
    // A platform that asks for health shows no key, and one that opens nothing shows it no more.
    for (let n = 0; n < 4; n++) assert.deepEqual(await answers(`wrong-${n}`), [401, 401, 401, 401, 200])
    assert.deepEqual(await answers('one-too-many'), [429, 429, 429, 429, 429])
    assert.equal((await fetch(`${app.url}/health/ready`)).status, 200)
    // GET /score has no query here, and jobs no storage; they let the key in.
    assert.deepEqual(await answers(keyOf('other', 'primary')), [400, 200, 503, 200, 200])
    check()
  })

  const mistakes = [
    [{ KEY_VAULT_URL: 'https://evil.example' }, /KEY_VAULT_URL must be the address of a vault/],
    [{ KEY_VAULT_URL: 'http://my-vault.vault.azure.net' }, /KEY_VAULT_URL must be the address of a vault/],
    [{ KEY_VAULT_URL: 'https://localhost:8443' }, /KEY_VAULT_URL names this machine/],
    [
      { KEY_VAULT_URL: 'https://my-vault.vault.azure.net', SCORING_KEY_VAULT_TEST_TOKEN: 'x' },
      /SCORING_KEY_VAULT_TEST_TOKEN are only for a vault on localhost/,
    ],
    [{ AZURE_FUNCTIONS_ENVIRONMENT: ' Development' }, /outside Development the keys live in Azure Key Vault/],
    [{ AZURE_FUNCTIONS_ENVIRONMENT: '' }, /outside Development the keys live in Azure Key Vault/],
  ] as const
  it.for(mistakes)('does not start with %j', async ([environment, message], test) => {
    await refused(runApp(test, files, { AZURE_FUNCTIONS_ENVIRONMENT: 'Production', ...environment }), message)
  })

  it.for([
    ['', /secret sut-primary-key is empty/],
    ['k'.repeat(31), /secret sut-primary-key has fewer than 32 characters/],
    ['@Microsoft.KeyVault(SecretUri=https://a.vault.azure.net/secrets/b)', /is an unresolved Key Vault reference/],
  ] as const)('does not start when a key is %j', async ([value, message], test) => {
    const vault = await startKeyVaultDouble(test)
    vault.set('sut-primary-key', value)
    vault.set('sut-secondary-key', keyOf('sut', 'secondary'))
    const error = await refused(
      runApp(test, files, { ...vault.environment, AZURE_FUNCTIONS_ENVIRONMENT: 'Production' }),
      message,
    )
    assert.doesNotMatch(error, /kkk|SecretUri/)
  })
})

/** One line that says why, no stack, and an exit code for what watches the process. */
async function refused(start: Promise<unknown>, message: RegExp): Promise<string> {
  let text = ''
  await assert.rejects(start, (error: Error) => {
    text = error.message
    assert.match(text, /^the host ended with 1:/)
    assert.match(text, message)
    assert.equal(text.match(/^error: /gm)?.length, 1)
    assert.doesNotMatch(text, /\n\s+at /)
    return true
  })
  return text
}
