import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { describe, it } from 'vitest'
import { readServerVersion, readSettings } from '../src/compose/settings.ts'

const development = { AZURE_FUNCTIONS_ENVIRONMENT: 'Development' }

describe('readServerVersion', () => {
  it('names the app and its version, unless that is switched off', async () => {
    const { version } = JSON.parse(await readFile('package.json', 'utf8'))
    const read = (value?: string) => readServerVersion({ SERVER_VERSION_LOG_RESPONSE_ENABLED: value })
    for (const on of [undefined, '', 'true', 'True']) assert.equal(read(on), `scoring-functions/${version}`)
    for (const off of ['false', '1', 'yes']) assert.equal(read(off), undefined)
  })
})

describe('readSettings', () => {
  it('takes the folder models/ of the app and all processors but one', () => {
    const settings = readSettings(development, '/app', 4, '/tmp')
    assert.deepEqual(settings, {
      isDevelopment: true,
      appRoot: '/app',
      modelsDir: '/app/models',
      defaultService: undefined,
      authorityHost: 'https://login.microsoftonline.com',
      keyVaultUrl: undefined,
      azureClientId: undefined,
      keyVaultTestCa: undefined,
      keyVaultTestToken: undefined,
      metrics: 'public',
      readyWhen: 'any',
      hasServerTiming: true,
      maxThreads: 3,
      maxHeldBytes: undefined,
      runRecords: '/app/.local/running',
      executionProviders: undefined,
      storage: {
        connectionString: undefined,
        accountName: undefined,
        blobServiceUri: undefined,
        queueServiceUri: undefined,
        credential: undefined,
        clientId: undefined,
      },
      jobs: {
        containers: ['input', 'output'],
        inputHosts: [],
        maxInputBytes: 107_374_182_400,
        maxActiveJobs: 200,
        stallMs: 90_000,
      },
    })
    assert.equal(readSettings(development, '/app', 1, '/tmp').maxThreads, 1)
  })

  it('takes an empty variable as absent', () => {
    assert.equal(readSettings({ ...development, SCORING_MODELS: '' }, '/app', 1, '/tmp').modelsDir, '/app/models')
  })

  it('names the variable that is wrong', () => {
    assert.throws(
      () => readSettings({ ...development, SCORING_MAX_THREADS: 'many' }, '/app', 2, '/tmp'),
      /^StartupError: setting SCORING_MAX_THREADS: /,
    )
    assert.throws(
      () => readSettings({ ...development, SCORING_MAX_THREADS: '0' }, '/app', 2, '/tmp'),
      /SCORING_MAX_THREADS/,
    )
    assert.throws(
      () => readSettings({ ...development, SCORING_MAX_HELD_BYTES: '1 GB' }, '/app', 2, '/tmp'),
      /^StartupError: setting SCORING_MAX_HELD_BYTES: must be a whole number of bytes, not "1 GB"/,
    )
  })

  it('takes keys of tokens from where nobody can answer instead', () => {
    const hostIn = (AZURE_AUTHORITY_HOST: string) =>
      readSettings({ ...development, AZURE_AUTHORITY_HOST }, '/app', 2, '/tmp').authorityHost
    assert.equal(hostIn('https://login.microsoftonline.us/'), 'https://login.microsoftonline.us')
    assert.equal(hostIn('http://127.0.0.1:8080'), 'http://127.0.0.1:8080')
    for (const url of ['http://login.microsoftonline.com', 'http://127.0.0.1.example', 'file:///keys', 'login'])
      assert.throws(() => hostIn(url), /^StartupError: setting AZURE_AUTHORITY_HOST: must be an https URL /, url)
    assert.throws(
      () => hostIn('http://me:my-password@login.example'),
      ({ message }) => !message.includes('my-password'),
    )
  })

  it('shows metrics and times in Development, and elsewhere where it is told to', () => {
    const read = (environment: Record<string, string>) => {
      const { metrics, hasServerTiming } = readSettings(environment, '/app', 2, '/tmp')
      return [metrics, hasServerTiming]
    }
    assert.deepEqual(read(development), ['public', true])
    assert.deepEqual(read({}), ['off', false])
    assert.deepEqual(read({ SCORING_METRICS: 'on', SCORING_SERVER_TIMING: 'on' }), ['on', true])
    assert.deepEqual(read({ ...development, SCORING_METRICS: 'off', SCORING_SERVER_TIMING: 'off' }), ['off', false])
    assert.throws(
      () => read({ SCORING_METRICS: 'yes' }),
      /^StartupError: setting SCORING_METRICS: must be off, on or public, not "yes"/,
    )
  })

  it('takes execution providers as names, or as a JSON list with options', () => {
    const providersIn = (SCORING_EXECUTION_PROVIDERS: string) =>
      readSettings({ ...development, SCORING_EXECUTION_PROVIDERS }, '/app', 2, '/tmp').executionProviders
    assert.deepEqual(providersIn('cuda, cpu'), ['cuda', 'cpu'])
    assert.deepEqual(providersIn('[{"name": "cuda", "deviceId": 1}, "cpu"]'), [{ name: 'cuda', deviceId: 1 }, 'cpu'])
    assert.equal(providersIn(''), undefined)
    for (const wrong of ['cudda,cpu', 'cuda;cpu', 'cuda,', '[]', '["cuda"', '[{"name": "cuda", "device": 1}]'])
      assert.throws(() => providersIn(wrong), /^StartupError: setting SCORING_EXECUTION_PROVIDERS: /, wrong)
  })

  it('takes what jobs may read and write as names with commas between', () => {
    const jobsIn = (environment: Record<string, string>) => readSettings(environment, '/app', 2, '/tmp').jobs
    const jobs = jobsIn({
      SCORING_JOB_CONTAINERS: 'patients, results-2026',
      SCORING_JOB_INPUT_HOSTS: 'other.blob.core.windows.net,data.example:8443',
      SCORING_JOB_MAX_INPUT_BYTES: '1000000',
      SCORING_JOB_MAX_ACTIVE: '20',
    })
    assert.deepEqual(jobs, {
      containers: ['patients', 'results-2026'],
      inputHosts: ['other.blob.core.windows.net', 'data.example:8443'],
      maxInputBytes: 1_000_000,
      maxActiveJobs: 20,
      stallMs: 90_000,
    })
    for (const wrong of ['Input', 'in', 'a--b', 'input/data', '*', 'jobs', 'azure-webjobs-secrets'])
      assert.throws(
        () => jobsIn({ SCORING_JOB_CONTAINERS: wrong }),
        /^StartupError: setting SCORING_JOB_CONTAINERS: /,
        wrong,
      )
    for (const wrong of [
      '*.blob.core.windows.net',
      'https://a.example',
      'localhost',
      '10.0.0.1',
      'a.example/x',
      'A.example',
    ])
      assert.throws(
        () => jobsIn({ SCORING_JOB_INPUT_HOSTS: wrong }),
        /^StartupError: setting SCORING_JOB_INPUT_HOSTS: /,
        wrong,
      )
    for (const wrong of ['0', '-1', '1e9', '1 GB'])
      assert.throws(() => jobsIn({ SCORING_JOB_MAX_INPUT_BYTES: wrong }), /SCORING_JOB_MAX_INPUT_BYTES/, wrong)
    for (const wrong of ['0', '10000', '2.5', 'all'])
      assert.throws(() => jobsIn({ SCORING_JOB_MAX_ACTIVE: wrong }), /SCORING_JOB_MAX_ACTIVE/, wrong)
  })

  it('takes a vault, in Development too', () => {
    const KEY_VAULT_URL = 'https://v.vault.azure.net'
    assert.equal(readSettings({ KEY_VAULT_URL }, '/app', 2, '/tmp').keyVaultUrl, KEY_VAULT_URL)
    assert.equal(readSettings({ ...development, KEY_VAULT_URL }, '/app', 2, '/tmp').keyVaultUrl, KEY_VAULT_URL)
  })
})
