import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { describe, it } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { type BicepObject, Expression, isObject, readBicep, type Value, valuesAt } from './bicep.ts'

/** Cells of the tables, which test/documented-settings.test.ts compares with what the app reads. */
const settings = new Set(
  ['guide/settings.md', 'guide/operations.md'].flatMap(file =>
    [...readFileSync(file, 'utf8').matchAll(/^\| `([A-Z]\w+)` .*$/gm)].flatMap(([row, name = '']) => [
      name,
      ...[...row.matchAll(/`(AzureWebJobsStorage__\w+)`/g)].map(([, each = '']) => each),
    ]),
  ),
)

/** Why a setting is left at its default where it is deployed. */
const leftAtDefault: Readonly<Record<string, string>> = {
  AZURE_FUNCTIONS_ENVIRONMENT: 'Production is the default; the image sets it',
  AzureWebJobsServiceBus: 'a connection string would be a shared key',
  AzureWebJobsStorage: 'a connection string would be a shared key',
  AzureWebJobsStorage__accountName: 'URLs are right in every cloud',
  FUNCTIONS_REQUEST_BODY_SIZE_LIMIT: 'the default of the host',
  HTTP20_ONLY_PORT: 'one port speaks both',
  ORT_DISABLE_TELEMETRY: 'the app sets it; the image does so for tools in it',
  SCORING_DEFAULT_SERVICE: 'a matter of the services',
  SCORING_EXECUTION_PROVIDERS: 'the image with CUDA sets it',
  SCORING_JOB_EVENT_HOSTS: 'none: jobs send events to the storage account only',
  SCORING_JOB_EVENT_QUEUES: 'the default',
  SCORING_JOB_INPUT_HOSTS: 'none: jobs read from the storage account only',
  SCORING_JOB_MAX_ACTIVE: 'the default',
  SCORING_JOB_MAX_INPUT_BYTES: 'the default',
  SCORING_JOB_MAX_UPLOAD_BYTES: 'the default',
  SCORING_JOB_RETENTION_DAYS: 'the default',
  SCORING_JOB_STALL_MS: 'for tests',
  SCORING_JOB_SWEEP: 'an app without jobs may make it rarer',
  SCORING_KEY: 'of the command line',
  SCORING_KEY_VAULT_TEST_CA: 'for tests',
  SCORING_KEY_VAULT_TEST_TOKEN: 'for tests',
  SCORING_LOAD: 'services say it themselves',
  SCORING_LOG_LEVEL: 'info is the default',
  SCORING_MAX_HELD_BYTES: 'the app knows the memory of its instance',
  SCORING_MAX_LOADED: 'the default',
  SCORING_MAX_LOADED_BYTES: 'the app knows the memory of its instance',
  SCORING_METRICS: 'off: telemetry goes to Azure Monitor',
  SCORING_MODELS: 'the package has models/',
  SCORING_MODEL_CACHE: 'the temporary folder',
  SCORING_MODEL_CACHE_BYTES: 'the default',
  SCORING_POLL_MS: 'the default',
  SCORING_READY_WHEN: 'any: one service that fails does not take the others along',
  SCORING_SERVER_TIMING: "off: times are nobody else's business",
  SCORING_URL: 'of the command line',
  SCORING_WATCH: 'has no effect outside Development',
  SERVER_VERSION_LOG_RESPONSE_ENABLED: 'as in Azure ML',
  WEBSITE_MEMORY_LIMIT_MB: 'Azure sets it',
}

/** What the host of the functions reads, Azure's and the embedded one. */
const ofTheHost: Readonly<Record<string, RegExp>> = {
  'function app': /^APPLICATIONINSIGHTS_(CONNECTION|AUTHENTICATION)_STRING$/,
  'container app': /^AzureWebJobsServiceBus__(fullyQualifiedNamespace|credential|clientId)$/,
  Kubernetes: /^AzureWebJobs\.[\w-]+\.Disabled$/,
}

const app = readBicep('infra/modules/function-app.bicep').resources.find(
  ({ type }) => type === 'Microsoft.Web/sites/config',
)
const [container] = readBicep('infra/container-apps/scoring.bicep').resources

/** By where they are deployed: names and values. */
const deployed: Readonly<Record<string, Readonly<Record<string, Value>>>> = {
  'function app': valuesAt(app?.body, 'properties')[0] as BicepObject,
  'container app': Object.fromEntries(
    (valuesAt(container?.body, 'properties.template.containers.env') as BicepObject[]).map(({ name, value }) => [
      name as string,
      value as Value,
    ]),
  ),
  Kubernetes: Object.fromEntries(
    globSync('infra/kubernetes/base/*.yaml')
      .flatMap(file => parseAllDocuments(readFileSync(file, 'utf8')).map(each => each.toJS()))
      .flatMap(({ configMapGenerator, spec }) => [
        ...(configMapGenerator?.[0].literals ?? []).map((line: string) => line.split(/=(.*)/s)),
        ...(spec?.template?.spec.containers[0].env ?? []).map((each: { name: string; value: string }) => [
          each.name,
          each.value,
        ]),
      ]),
  ),
}

/** Names that neither the app reads nor the host that runs it there. */
const findUnread = (target: string, names: readonly string[]) =>
  names.filter(name => !settings.has(name) && !ofTheHost[target]?.test(name))

/** Settings that the app reads, are not set, and have no reason for that. */
const findUnset = (names: readonly string[]) =>
  [...settings].filter(name => !name.startsWith('SCORING_HOST_') && !names.includes(name) && !(name in leftAtDefault))

describe('settings that are deployed', () => {
  it.each(Object.keys(deployed))('of the %s are read by the app or by its host', target => {
    const names = Object.keys(deployed[target] ?? {})
    assert(names.length > 5)
    assert.deepEqual(findUnread(target, names), [])
  })

  it.each(Object.keys(deployed))('of the %s are not what is a default with a reason', target => {
    assert.deepEqual(
      Object.keys(deployed[target] ?? {}).filter(name => name in leftAtDefault),
      [],
    )
  })

  it('of the function app are all that the app reads, or there is a reason for the default', () => {
    assert.deepEqual(findUnset(Object.keys(deployed['function app'] ?? {})), [])
    const unknown = Object.keys(leftAtDefault).filter(name => !settings.has(name))
    assert.deepEqual(unknown, [])
  })

  it('are found when one is misspelt, of another host, or missing', () => {
    const names = Object.keys(deployed['function app'] ?? {})
    assert.deepEqual(findUnread('function app', [...names, 'KEY_VAULT_URI']), ['KEY_VAULT_URI'])
    assert.deepEqual(findUnread('container app', ['APPLICATIONINSIGHTS_CONNECTION_STRING']).length, 1)
    assert.deepEqual(findUnset(names.filter(name => name !== 'KEY_VAULT_URL')), ['KEY_VAULT_URL'])
  })

  it('hold no secret', () => {
    for (const values of Object.values(deployed)) {
      for (const value of Object.values(values)) {
        const text = value instanceof Expression ? value.text : isObject(value) ? '' : String(value)
        assert.doesNotMatch(text, /AccountKey=|SharedAccess|sfkey_|listKeys|secureString/)
      }
    }
  })
})
