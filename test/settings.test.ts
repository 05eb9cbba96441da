import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { describe, it } from 'vitest'
import { unknownSettings } from '../src/compose/environment.ts'
import { readLogSettings, readServerVersion, readSettings } from '../src/compose/settings.ts'

const development = { AZURE_FUNCTIONS_ENVIRONMENT: 'Development' }

const machine = { appRoot: '/app', processorCount: 2, temporaryDir: '/tmp' }

describe('readServerVersion', () => {
  it('names the app and its version, unless that is switched off', async () => {
    const { version } = JSON.parse(await readFile('package.json', 'utf8'))
    const read = (value?: string) => readServerVersion({ SERVER_VERSION_LOG_RESPONSE_ENABLED: value })
    for (const on of [undefined, '', 'true', 'True']) assert.equal(read(on), `scoring-functions/${version}`)
    for (const off of ['false', '1', 'yes']) assert.equal(read(off), undefined)
  })
})

describe('unknownSettings', () => {
  it('names what looks like a setting of the app and is none', () => {
    const known = {
      SCORING_METRICS: 'on',
      SCORING_JOB_SWEEP: '0 * * * * *',
      SCORING_HOST_UNREAD_ANSWER_MS: '1',
      PATH: '',
    }
    assert.deepEqual(unknownSettings({ ...known, SCORING_METRIC: 'off', scoring_models: 'x' }), [
      'SCORING_METRIC',
      'scoring_models',
    ])
  })

  it('knows every setting of the guide', async () => {
    const guide = `${await readFile('guide/settings.md', 'utf8')}\n${await readFile('guide/operations.md', 'utf8')}`
    const names = [...guide.matchAll(/^\| `(SCORING_\w+)`/gm)].map(([, name]) => [name as string, 'x'])
    assert.ok(names.length > 15)
    assert.deepEqual(unknownSettings(Object.fromEntries(names)), [])
  })
})

describe('readSettings', () => {
  it('defaults to the folder models/ and all processors but one', () => {
    const settings = readSettings(development, { ...machine, processorCount: 4 })
    assert.deepEqual(settings, {
      isDevelopment: true,
      appRoot: '/app',
      models: '/app/models',
      modelCache: { folder: '/tmp/scoring-functions-models', maxBytes: 2_147_483_648 },
      pollMs: 10_000,
      load: 'start',
      maxLoaded: 16,
      maxLoadedBytes: undefined,
      defaultService: undefined,
      authorityHost: 'https://login.microsoftonline.com',
      keyVaultUrl: undefined,
      azureClientId: undefined,
      trustedProxies: 0,
      keyVaultTestCa: undefined,
      keyVaultTestToken: undefined,
      metrics: 'public',
      readyWhen: 'any',
      log: { format: 'text', level: 'info' },
      hasServerTiming: true,
      watch: 'on',
      maxThreads: 3,
      maxHeldBytes: undefined,
      runRecords: '/app/.local/running',
      executionProviders: undefined,
      encryptedKeys: 'encrypted-keys',
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
        eventQueues: ['job-events'],
        eventHosts: [],
        maxInputBytes: 107_374_182_400,
        maxUploadBytes: 104_857_600,
        maxActiveJobs: 200,
        retentionDays: 30,
        stallMs: 90_000,
      },
    })
    assert.equal(readSettings(development, { ...machine, processorCount: 1 }).maxThreads, 1)
  })

  it('treats an empty variable as absent', () => {
    assert.equal(
      readSettings({ ...development, SCORING_MODELS: '' }, { ...machine, processorCount: 1 }).models,
      '/app/models',
    )
  })

  it('names an invalid variable', () => {
    assert.throws(
      () => readSettings({ ...development, SCORING_MAX_THREADS: 'many' }, machine),
      /^StartupError: setting SCORING_MAX_THREADS: /,
    )
    assert.throws(() => readSettings({ ...development, SCORING_MAX_THREADS: '0' }, machine), /SCORING_MAX_THREADS/)
    assert.throws(
      () => readSettings({ ...development, SCORING_MAX_HELD_BYTES: '1 GB' }, machine),
      /^StartupError: setting SCORING_MAX_HELD_BYTES: must be a whole number of bytes, not "1 GB"/,
    )
  })

  it('trusts ten proxies at most, and only a number of them', () => {
    const read = (SCORING_TRUSTED_PROXIES: string) => readSettings({ ...development, SCORING_TRUSTED_PROXIES }, machine)
    assert.deepEqual([read('2').trustedProxies, read('10').trustedProxies], [2, 10])
    for (const wrong of ['-1', '1.5', '11', 'loopback', 'true'])
      assert.throws(() => read(wrong), {
        message: `setting SCORING_TRUSTED_PROXIES: must be a whole number of proxies, 0 to 10, not "${wrong}"`,
      })
  })

  it('requires HTTPS for the issuer of tokens', () => {
    const hostIn = (AZURE_AUTHORITY_HOST: string) =>
      readSettings({ ...development, AZURE_AUTHORITY_HOST }, machine).authorityHost
    assert.equal(hostIn('https://login.microsoftonline.us/'), 'https://login.microsoftonline.us')
    assert.equal(hostIn('http://127.0.0.1:8080'), 'http://127.0.0.1:8080')
    for (const url of ['http://login.microsoftonline.com', 'http://127.0.0.1.example', 'file:///keys', 'login'])
      assert.throws(() => hostIn(url), /^StartupError: setting AZURE_AUTHORITY_HOST: must be an https URL /, url)
    assert.throws(
      () => hostIn('http://me:my-password@login.example'),
      ({ message }) => !message.includes('my-password'),
    )
  })

  it('shows metrics and timings in Development, and elsewhere on request', () => {
    const read = (environment: Record<string, string>) => {
      const { metrics, hasServerTiming } = readSettings(environment, machine)
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

  it('refuses a list of names with the one that is none', () => {
    assert.throws(
      () => readSettings({ ...development, SCORING_JOB_EVENT_HOSTS: 'hooks.example.com,localhost' }, machine),
      {
        message:
          'setting SCORING_JOB_EVENT_HOSTS: must be host names, separated by commas ("localhost" is not a valid host name), ' +
          'not "hooks.example.com,localhost"',
      },
    )
  })

  it('reads execution providers as names, or as a JSON list with options', () => {
    const providersIn = (SCORING_EXECUTION_PROVIDERS: string) =>
      readSettings({ ...development, SCORING_EXECUTION_PROVIDERS }, machine).executionProviders
    assert.deepEqual(providersIn('cuda, cpu'), ['cuda', 'cpu'])
    assert.deepEqual(providersIn('[{"name": "cuda", "deviceId": 1}, "cpu"]'), [{ name: 'cuda', deviceId: 1 }, 'cpu'])
    assert.equal(providersIn(''), undefined)
    for (const wrong of ['cudda,cpu', 'cuda;cpu', 'cuda,', '[]', '["cuda"', '[{"name": "cuda", "device": 1}]'])
      assert.throws(() => providersIn(wrong), /^StartupError: setting SCORING_EXECUTION_PROVIDERS: /, wrong)
  })

  it('reads containers and hosts of jobs as comma-separated names', () => {
    const jobsIn = (environment: Record<string, string>) => readSettings(environment, machine).jobs
    const jobs = jobsIn({
      SCORING_JOB_CONTAINERS: 'patients, results-2026',
      SCORING_JOB_INPUT_HOSTS: 'other.blob.core.windows.net,data.example:8443',
      SCORING_JOB_MAX_INPUT_BYTES: '1000000',
      SCORING_JOB_MAX_ACTIVE: '20',
      SCORING_JOB_RETENTION_DAYS: '0',
    })
    assert.deepEqual(jobs, {
      containers: ['patients', 'results-2026'],
      inputHosts: ['other.blob.core.windows.net', 'data.example:8443'],
      eventQueues: ['job-events'],
      eventHosts: [],
      maxInputBytes: 1_000_000,
      maxUploadBytes: 104_857_600,
      maxActiveJobs: 20,
      retentionDays: 0,
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

  it('accepts a vault, in Development too', () => {
    const KEY_VAULT_URL = 'https://v.vault.azure.net'
    assert.equal(readSettings({ KEY_VAULT_URL }, machine).keyVaultUrl, KEY_VAULT_URL)
    assert.equal(readSettings({ ...development, KEY_VAULT_URL }, machine).keyVaultUrl, KEY_VAULT_URL)
  })
})

describe('readLogSettings', () => {
  it.each([
    [{}, { format: 'off', level: 'info' }],
    [{ AZURE_FUNCTIONS_ENVIRONMENT: 'development' }, { format: 'text', level: 'info' }],
    [
      { AZURE_FUNCTIONS_ENVIRONMENT: 'Development', SCORING_LOG: 'off' },
      { format: 'off', level: 'info' },
    ],
    [
      { SCORING_LOG: 'json', SCORING_LOG_LEVEL: 'error' },
      { format: 'json', level: 'error' },
    ],
    [
      { SCORING_LOG: '', SCORING_LOG_LEVEL: '' },
      { format: 'off', level: 'info' },
    ],
  ])('reads %o', (environment, expected) => {
    assert.deepEqual(readLogSettings(environment), expected)
  })
})
