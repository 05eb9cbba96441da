import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readSettings } from '../src/settings.ts'

const development = { AZURE_FUNCTIONS_ENVIRONMENT: 'Development' }

describe('readSettings', () => {
  it('takes the folder models/ of the app and all processors but one', () => {
    const settings = readSettings(development, '/app', 4)
    assert.deepEqual(settings, {
      isDevelopment: true,
      appRoot: '/app',
      modelsDir: '/app/models',
      defaultService: undefined,
      keyVaultUrl: undefined,
      maxThreads: 3,
    })
    assert.equal(readSettings(development, '/app', 1).maxThreads, 1)
  })

  it('takes an empty variable as absent', () => {
    assert.equal(readSettings({ ...development, SCORING_MODELS: '' }, '/app', 1).modelsDir, '/app/models')
  })

  it('names the variable that is wrong', () => {
    assert.throws(
      () => readSettings({ ...development, SCORING_MAX_THREADS: 'many' }, '/app', 2),
      /^StartupError: setting SCORING_MAX_THREADS: /,
    )
    assert.throws(() => readSettings({ ...development, SCORING_MAX_THREADS: '0' }, '/app', 2), /SCORING_MAX_THREADS/)
  })

  it('does not start without a vault outside Development', () => {
    for (const environment of [{}, { AZURE_FUNCTIONS_ENVIRONMENT: 'Production' }]) {
      assert.throws(
        () => readSettings(environment, '/app', 2),
        /^StartupError: outside Development the keys live in Azure Key Vault: set KEY_VAULT_URL/,
      )
    }
  })

  it('takes a vault, in Development too', () => {
    const KEY_VAULT_URL = 'https://v.vault.azure.net'
    assert.equal(readSettings({ KEY_VAULT_URL }, '/app', 2).keyVaultUrl, KEY_VAULT_URL)
    assert.equal(readSettings({ ...development, KEY_VAULT_URL }, '/app', 2).keyVaultUrl, KEY_VAULT_URL)
  })
})
