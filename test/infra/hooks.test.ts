import assert from 'node:assert/strict'
import { describe, it, onTestFinished } from 'vitest'
import { runHook, startManager, token, variables } from '../support/resource-manager-double.ts'

const run = (name: string, env: Record<string, string | undefined>) =>
  runHook({ onTestFinished }, `infra/hooks/${name}.ts`, env)

const secrets = 'Microsoft.KeyVault/vaults/kv-1/secrets'
const deployment = 'Microsoft.Resources/deployments/scoring-keys'
const site = 'Microsoft.Web/sites/func-1'

describe.skipIf(process.platform === 'win32')('the hooks of azd', () => {
  it('make the keys that are missing, and show none of them', async () => {
    const { calls, endpoint } = await startManager(
      { onTestFinished },
      {
        [`GET ${secrets}`]: { value: [{ name: 'kv-1/DIABETES-primary-key' }], nextLink: null },
        [`PUT ${deployment}`]: { name: 'scoring-keys', properties: { provisioningState: 'Running' } },
        [`GET ${deployment}`]: { name: 'scoring-keys', properties: { provisioningState: 'Succeeded' } },
      },
    )
    const { code, stdout, stderr } = await run('create-keys', { ...variables(endpoint), KEY_DAYS: '30' })
    assert.equal(code, 0, stderr)
    assert(calls.every(({ authorization }) => authorization === `Bearer ${token}`))
    const { template, parameters, mode } = calls.find(({ method }) => method === 'PUT')?.body.properties ?? {}
    const names = [
      'diabetes-secondary-key',
      ...['digits', 'iris'].flatMap(name => [`${name}-primary-key`, `${name}-secondary-key`]),
    ]
    assert.deepEqual([mode, parameters.vault.value, parameters.names.value], ['Incremental', 'kv-1', names])
    assert.equal(template.parameters.keys.type, 'secureObject')
    const keys = Object.values<string>(parameters.keys.value)
    assert.deepEqual(Object.keys(parameters.keys.value), names)
    for (const key of keys) assert.match(key, /^sfkey_[\w-]{43}$/)
    assert.equal(new Set(keys).size, names.length)
    assert(Math.abs(parameters.expires.value - (Date.now() / 1000 + 30 * 86_400)) < 600)
    assert.match(stdout, /^Made in kv-1, valid for 30 days: diabetes-secondary-key, /)
    for (const key of keys) assert(!`${stdout}${stderr}`.includes(key))
  })

  it('leave existing keys alone', async () => {
    const value = ['diabetes', 'digits', 'iris'].flatMap(name => [
      { name: `${name}-primary-key` },
      { name: `${name}-secondary-key` },
    ])
    const { calls, endpoint } = await startManager({ onTestFinished }, { [`GET ${secrets}`]: { value } })
    const { code, stdout } = await run('create-keys', variables(endpoint))
    assert.deepEqual([code, stdout], [0, 'All 3 services have their keys in kv-1.\n'])
    assert.deepEqual(
      calls.map(({ method }) => method),
      ['GET'],
    )
  })

  it.each([
    [{ AZURE_KEY_VAULT_NAME: '' }, /^AZURE_KEY_VAULT_NAME is not set: run "azd provision" first/],
    [
      { SCORING_MODELS: 'blob:services' },
      /^SCORING_MODELS is "blob:services", and this hook only knows services in a folder/,
    ],
    [{ KEY_DAYS: 'soon' }, /^KEY_DAYS is "soon", and must be a whole number from 1 to 3650\n$/],
    [{ AZURE_RESOURCE_MANAGER: 'http://management.example/' }, /must be an https URL\n$/],
    [{ PATH: '/nowhere' }, /^azd has no token for Azure: run "azd auth login" first\n$/],
  ])('end with one line for %j', async (wrong, message) => {
    const { endpoint } = await startManager({ onTestFinished }, {})
    const { code, stderr } = await run('create-keys', { ...variables(endpoint), ...wrong })
    assert.equal(code, 1)
    assert.match(stderr, message)
  })

  it('say why a deployment has failed, without a key', async () => {
    const error = {
      code: 'DeploymentFailed',
      message: 'At least one resource operation failed.',
      details: [
        { code: 'Conflict', message: 'Secret diabetes-primary-key is currently in a deleted but recoverable state.' },
      ],
    }
    const { endpoint } = await startManager(
      { onTestFinished },
      {
        [`GET ${secrets}`]: { value: [] },
        [`PUT ${deployment}`]: { name: 'scoring-keys', properties: { provisioningState: 'Failed', error } },
      },
    )
    const { code, stderr } = await run('create-keys', variables(endpoint))
    assert.deepEqual(
      [code, stderr],
      [
        1,
        'scoring-keys failed: Conflict: Secret diabetes-primary-key is currently in a deleted but recoverable state.\n',
      ],
    )
  })

  it('subscribe blob triggers whose source is Event Grid, and nothing else: key-rotated has instances of its own', async () => {
    const { calls, endpoint } = await startManager(
      { onTestFinished },
      {
        [`GET ${site}/functions`]: {
          value: [
            { name: 'func-1/key-rotated', properties: { config: { bindings: [{ type: 'eventGridTrigger' }] } } },
            { name: 'func-1/score', properties: { config: { bindings: [{ type: 'httpTrigger' }] } } },
            {
              name: 'func-1/iris-blob',
              properties: {
                config: { bindings: [{ type: 'blobTrigger', source: 'EventGrid', path: 'input/iris/{name}' }] },
              },
            },
            {
              name: 'func-1/elsewhere',
              properties: {
                config: {
                  bindings: [{ type: 'blobTrigger', source: 'EventGrid', path: 'input/{name}', connection: 'Lake' }],
                },
              },
            },
            {
              name: 'func-1/polled',
              properties: { config: { bindings: [{ type: 'blobTrigger', path: 'other/{name}' }] } },
            },
          ],
        },
        [`POST ${site}/host/default/listkeys`]: { systemKeys: { blobs_extension: 'a key=' } },
        [`GET ${site}`]: { name: 'func-1', properties: { defaultHostName: 'func-1.example' } },
        'PUT Microsoft.EventGrid/systemTopics/blobs/eventSubscriptions/iris-blob': { name: 'iris-blob' },
      },
    )
    const { code, stdout, stderr } = await run('subscribe-events', variables(endpoint))
    assert.deepEqual([code, stderr], [0, ''])
    assert.deepEqual(stdout.split('\n'), [
      'elsewhere reads the account of Lake: subscribe it there as guide/triggers.md shows.',
      'iris-blob hears of blobs in input.',
      '',
    ])
    const [blobs, ...others] = calls.filter(({ method }) => method === 'PUT').map(({ body }) => body.properties)
    assert.deepEqual(others, [])
    const url = new URL(blobs.destination.properties.endpointUrl)
    assert.equal(`${url.origin}${url.pathname}`, 'https://func-1.example/runtime/webhooks/blobs')
    assert.deepEqual(Object.fromEntries(url.searchParams), { functionName: 'Host.Functions.iris-blob', code: 'a key=' })
    assert.equal(blobs.filter.subjectBeginsWith, '/blobServices/default/containers/input/')
  })
})
