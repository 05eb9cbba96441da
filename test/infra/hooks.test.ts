import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { beforeAll, describe, it, onTestFinished } from 'vitest'

interface Call {
  readonly method: string
  readonly path: string
  readonly authorization: string | undefined
  // biome-ignore lint/suspicious/noExplicitAny: what the hook has sent
  readonly body: any
}

/** Answers by method and path, without the resource group and the query; a list: one after the other. */
type Answers = Readonly<Record<string, unknown>>

const group = '/subscriptions/sub/resourceGroups/rg'
const token = 'token-of-azd'

/** A stand-in for Azure Resource Manager. */
async function startManager(answers: Answers) {
  const calls: Call[] = []
  const rest = new Map(
    Object.entries(answers).map(([name, answer]) => [name, Array.isArray(answer) ? [...answer] : [answer]]),
  )
  const server = createServer(async (request: IncomingMessage, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://x')
    const path = pathname.replace(`${group}/providers/`, '')
    const body = await text(request)
    const method = request.method ?? ''
    calls.push({ method, path, authorization: request.headers.authorization, body: body && JSON.parse(body) })
    const left = rest.get(`${method} ${path}`)
    const answer = (left && left.length > 1 ? left.shift() : left?.[0]) as { status?: number } | undefined
    response.statusCode = searchParams.has('api-version') ? (answer?.status ?? (answer ? 200 : 404)) : 400
    response.end(JSON.stringify(answer ?? { error: { code: 'NotFound', message: 'not found' } }))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  return { calls, endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` }
}

let bin: string

/** Runs a hook with an azd that only knows a token. */
function runHook(
  name: string,
  env: Record<string, string | undefined>,
): Promise<{ code: number; stdout: string; stderr: string }> {
  const environment = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH}`, ...env }
  return new Promise(resolve => {
    execFile(process.execPath, [`infra/hooks/${name}.ts`], { env: environment }, (error, stdout, stderr) =>
      resolve({ code: Number(error?.code ?? 0), stdout, stderr }),
    )
  })
}

const variables = (endpoint: string) => ({
  AZURE_SUBSCRIPTION_ID: 'sub',
  AZURE_RESOURCE_GROUP: 'rg',
  AZURE_RESOURCE_MANAGER: endpoint,
  AZURE_KEY_VAULT_NAME: 'kv-1',
  AZURE_FUNCTION_APP_NAME: 'func-1',
  AZURE_KEY_EVENTS_TOPIC: 'keys',
  AZURE_BLOB_EVENTS_TOPIC: 'blobs',
  SCORING_MODELS: undefined,
})

const secrets = 'Microsoft.KeyVault/vaults/kv-1/secrets'
const deployment = 'Microsoft.Resources/deployments/scoring-keys'
const site = 'Microsoft.Web/sites/func-1'

describe.skipIf(process.platform === 'win32')('the hooks of azd', () => {
  beforeAll(async () => {
    bin = await mkdtemp(join(tmpdir(), 'azd-'))
    await writeFile(join(bin, 'azd'), `#!/bin/sh\necho '{"token":"${token}"}'\n`, { mode: 0o755 })
    return () => rm(bin, { recursive: true, force: true })
  })

  it('make the keys that are missing, and show none of them', async () => {
    const { calls, endpoint } = await startManager({
      [`GET ${secrets}`]: { value: [{ name: 'kv-1/DIABETES-primary-key' }], nextLink: null },
      [`PUT ${deployment}`]: { name: 'scoring-keys', properties: { provisioningState: 'Running' } },
      [`GET ${deployment}`]: { name: 'scoring-keys', properties: { provisioningState: 'Succeeded' } },
    })
    const { code, stdout, stderr } = await runHook('create-keys', { ...variables(endpoint), KEY_DAYS: '30' })
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
    const { calls, endpoint } = await startManager({ [`GET ${secrets}`]: { value } })
    const { code, stdout } = await runHook('create-keys', variables(endpoint))
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
    const { endpoint } = await startManager({})
    const { code, stderr } = await runHook('create-keys', { ...variables(endpoint), ...wrong })
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
    const { endpoint } = await startManager({
      [`GET ${secrets}`]: { value: [] },
      [`PUT ${deployment}`]: { name: 'scoring-keys', properties: { provisioningState: 'Failed', error } },
    })
    const { code, stderr } = await runHook('create-keys', variables(endpoint))
    assert.deepEqual(
      [code, stderr],
      [
        1,
        'scoring-keys failed: Conflict: Secret diabetes-primary-key is currently in a deleted but recoverable state.\n',
      ],
    )
  })

  it('subscribe the function of keys, and blob triggers whose source is Event Grid', async () => {
    const { calls, endpoint } = await startManager({
      [`GET ${site}/functions`]: {
        value: [
          { name: 'func-1/key-rotated', properties: { config: { bindings: [{ type: 'eventGridTrigger' }] } } },
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
      'PUT Microsoft.EventGrid/systemTopics/keys/eventSubscriptions/key-rotated': { name: 'key-rotated' },
      'PUT Microsoft.EventGrid/systemTopics/blobs/eventSubscriptions/iris-blob': { name: 'iris-blob' },
    })
    const { code, stdout, stderr } = await runHook('subscribe-events', variables(endpoint))
    assert.deepEqual([code, stderr], [0, ''])
    assert.deepEqual(stdout.split('\n'), [
      'key-rotated hears of changed keys.',
      'elsewhere reads the account of Lake: subscribe it there as guide/triggers.md shows.',
      'iris-blob hears of blobs in input.',
      '',
    ])
    const [keys, blobs] = calls.filter(({ method }) => method === 'PUT').map(({ body }) => body.properties)
    assert.deepEqual(keys.destination.properties.resourceId, `${group}/providers/${site}/functions/key-rotated`)
    const url = new URL(blobs.destination.properties.endpointUrl)
    assert.equal(`${url.origin}${url.pathname}`, 'https://func-1.example/runtime/webhooks/blobs')
    assert.deepEqual(Object.fromEntries(url.searchParams), { functionName: 'Host.Functions.iris-blob', code: 'a key=' })
    assert.equal(blobs.filter.subjectBeginsWith, '/blobServices/default/containers/input/')
  })
})
