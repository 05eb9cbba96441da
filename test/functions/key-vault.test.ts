import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, it, type TestContext } from 'node:test'
import { openKeyVault } from '../../src/adapters/azure/open-key-vault.ts'
import { KeyManagement } from '../../src/auth/key-management.ts'
import { noOpenssl } from '../host/certificates.ts'
import { startKeyVaultDouble } from '../support/key-vault-double.ts'
import { runApp } from '../support/running-app.ts'

const rows = JSON.stringify({ data: [[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]] })
const services = ['diabetes', 'digits', 'iris']
const keyOf = (service: string, slot: string) => `${slot}-key-of-${service}-for-tests-only`.padEnd(48, '0')

/** The built app as it is in Azure, with its keys in a vault. */
async function appWithVault(test: TestContext) {
  const vault = await startKeyVaultDouble(test)
  for (const service of services) {
    for (const slot of ['primary', 'secondary']) vault.set(`${service}-${slot}-key`, keyOf(service, slot))
  }
  const app = await runApp(test, undefined, { ...vault.environment, AZURE_FUNCTIONS_ENVIRONMENT: 'Production' })
  const score = async (key: string) => {
    const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' }
    const answer = await fetch(`${app.url}/api/v1/service/diabetes/score`, { method: 'POST', headers, body: rows })
    await answer.text()
    return answer.status
  }
  while ((await score(keyOf('diabetes', 'primary'))) === 503); // the model is loading
  const store = await openKeyVault({
    url: vault.url,
    isDevelopment: false,
    testCaFile: vault.environment.SCORING_KEY_VAULT_TEST_CA,
    testToken: vault.token,
  })
  return { vault, app, score, management: new KeyManagement(store, randomBytes) }
}

describe('the app with KEY_VAULT_URL', { skip: noOpenssl }, () => {
  it('takes both keys of the vault, and a new one at its first request', async test => {
    const { app, vault, score, management } = await appWithVault(test)
    assert.equal(await score(keyOf('diabetes', 'secondary')), 200)
    const fresh = await management.regenKey('diabetes', 'Secondary', AbortSignal.timeout(20_000))
    assert.equal(await score(fresh), 200)
    assert.equal(await score(keyOf('diabetes', 'primary')), 200)
    assert.equal(await score(keyOf('diabetes', 'secondary')), 401)
    assert.equal(await score(keyOf('iris', 'primary')), 401)
    for (const secret of [fresh, keyOf('diabetes', 'primary'), vault.token]) assert.ok(!app.output().includes(secret))
  })

  it('goes on with the keys it knows while the vault is away', async test => {
    const { vault, score } = await appWithVault(test)
    for (const kind of ['hang', 'unavailable', 'reset', 'unauthorized'] as const) {
      vault.fail({ kind })
      assert.equal(await score(keyOf('diabetes', 'primary')), 200)
    }
  })

  const mistakes = [
    [{ KEY_VAULT_URL: 'https://evil.example' }, /KEY_VAULT_URL must be the address of a vault/],
    [{ KEY_VAULT_URL: 'https://localhost:8443' }, /KEY_VAULT_URL names this machine/],
    [
      { KEY_VAULT_URL: 'https://my-vault.vault.azure.net', SCORING_KEY_VAULT_TEST_TOKEN: 'x' },
      /SCORING_KEY_VAULT_TEST_TOKEN are for a vault on localhost/,
    ],
  ] as const
  for (const [environment, message] of mistakes) {
    it(`does not start with ${JSON.stringify(environment)}`, async test => {
      await assert.rejects(
        runApp(test, undefined, { ...environment, AZURE_FUNCTIONS_ENVIRONMENT: 'Production' }),
        message,
      )
    })
  }
})
