import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { describe, it } from 'vitest'
import { jobQueues } from '../../src/jobs/job-queues.ts'
import { openKusto } from '../support/kusto.ts'
import { type BicepFile, parseBicep, readBicep, type Value } from './bicep.ts'
import { policies } from './policies.ts'

const names = globSync('infra/**/*.bicep').map(name => name.replaceAll('\\', '/'))
const files = names.map(readBicep)

const fileNamed = (name: string): BicepFile => {
  const found = files.find(({ file }) => file === name)
  assert(found, name)
  return found
}

describe('infra/**/*.bicep', () => {
  it.each(Object.entries(policies))('has nothing that breaks the policy %s', (_, policy) => {
    assert.deepEqual(policy(files), [])
  })

  it('names what it deploys for azd', () => {
    const [site] = fileNamed('infra/modules/function-app.bicep').resources.filter(
      ({ type }) => type === 'Microsoft.Web/sites',
    )
    assert.deepEqual(Object.keys(site?.body.tags as object), ['azd-service-name'])
    assert.match(readFileSync('azure.yaml', 'utf8'), /^ {2}scoring:$/m)
    assert.equal(fileNamed('infra/main.bicep').variables.get('serviceName'), 'scoring')
  })

  it('makes the queues that the app uses, and those of their poison', () => {
    const { variables } = fileNamed('infra/modules/storage.bicep')
    assert.deepEqual(variables.get('jobQueues'), Object.values(jobQueues))
    assert.deepEqual(fileNamed('infra/container-apps/scoring.bicep').variables.get('queues'), Object.values(jobQueues))
  })

  it('adds an instance of the container app for as many messages as one takes at once', () => {
    const { queues, serviceBus } = JSON.parse(readFileSync('host.json', 'utf8')).extensions
    const { variables } = fileNamed('infra/container-apps/scoring.bicep')
    assert.equal(variables.get('messagesPerReplica'), queues.batchSize + queues.newBatchThreshold)
    assert.equal(variables.get('busMessagesPerReplica'), serviceBus.maxConcurrentCalls)
  })
})

describe('the workbook', () => {
  it('names one place for the workspace, which the deployment puts in', () => {
    const text = readFileSync('infra/workbook/scoring.json', 'utf8')
    assert.equal(text.match(/"azure monitor"/g)?.length, 1)
    assert.deepEqual(JSON.parse(text).fallbackResourceIds, ['azure monitor'])
  })

  it('reads the lines of a container app in their own table, by what is put before each query', () => {
    const check = openKusto()
    const prelude = readFileSync('infra/container-apps/console-lines.kql', 'utf8')
    // As infra/modules/workbook.bicep does.
    const escaped = prelude.replaceAll('"', '\\"').replaceAll('\n', '\\n')
    const text = readFileSync('infra/workbook/scoring.json', 'utf8').replaceAll('"query": "', `"query": "${escaped}`)
    const { items } = JSON.parse(text) as { items: { content: { query?: string } }[] }
    const queries = items.flatMap(({ content }) => content.query ?? [])
    assert.equal(queries.length, globSync('infra/queries/*.kql').length)
    for (const query of queries) {
      assert(query.startsWith(prelude))
      assert.deepEqual(check(query.replaceAll('{TimeRange:start}', 'ago(1d)')), [])
    }
  })
})

describe('infra/**/*.parameters.json', () => {
  it.each(globSync('infra/**/*.parameters.json'))('%s gives each parameter that has no default, and no other', name => {
    const given = Object.keys(JSON.parse(readFileSync(name, 'utf8')).parameters)
    const { parameters } = readBicep(name.replace('.parameters.json', '.bicep'))
    const known = parameters.map(each => each.name)
    const needed = parameters.filter(each => each.default === undefined).map(each => each.name)
    assert.deepEqual(
      given.filter(each => !known.includes(each)),
      [],
    )
    assert.deepEqual(
      needed.filter(each => !given.includes(each)),
      [],
    )
  })

  it('reads of the container app only what the deployment before it puts out, or what has a default', () => {
    const text = readFileSync('infra/container-apps/scoring.parameters.json', 'utf8')
    const outputs = fileNamed('infra/container-apps/main.bicep').outputs
    const read = [...text.matchAll(/\$\{(\w+)\}/g)].map(([, name = '']) => name)
    // azd sets it when it has built the image.
    assert.deepEqual(
      read.filter(name => !outputs.has(name)),
      ['SERVICE_SCORING_IMAGE_NAME'],
    )
  })
})

/** Each policy is broken in each of the ways that it is there for. */
const mutations: readonly (readonly [keyof typeof policies, string, string | RegExp, string, RegExp])[] = [
  [
    'isHardened',
    'modules/storage',
    'allowSharedKeyAccess: false',
    'allowSharedKeyAccess: true',
    /allowSharedKeyAccess is true/,
  ],
  ['isHardened', 'modules/storage', 'allowSharedKeyAccess: false', '', /allowSharedKeyAccess is not set/],
  [
    'isHardened',
    'modules/storage',
    'allowBlobPublicAccess: false',
    'allowBlobPublicAccess: isPrivate',
    /allowBlobPublicAccess is isPrivate/,
  ],
  ['isHardened', 'modules/storage', "'TLS1_2'", "'TLS1_0'", /minimumTlsVersion is "TLS1_0"/],
  ['isHardened', 'modules/storage', "publicAccess: 'None'", "publicAccess: 'Blob'", /publicAccess is "Blob"/],
  ['isHardened', 'modules/key-vault', 'enableRbacAuthorization: true', 'enableRbacAuthorization: false', /enableRbac/],
  [
    'isHardened',
    'modules/service-bus',
    'disableLocalAuth: true',
    'disableLocalAuth: false',
    /disableLocalAuth is false/,
  ],
  [
    'isHardened',
    'modules/monitoring',
    'DisableLocalAuth: true',
    'DisableLocalAuth: false',
    /DisableLocalAuth is false/,
  ],
  ['isHardened', 'modules/registry', 'adminUserEnabled: false', 'adminUserEnabled: true', /adminUserEnabled is true/],
  ['isHardened', 'modules/function-app', "minTlsVersion: '1.2'", "minTlsVersion: '1.0'", /minTlsVersion is "1.0"/],
  ['isHardened', 'modules/function-app', 'httpsOnly: true', 'httpsOnly: true ? false : true', /httpsOnly is false/],
  ['isHardened', 'modules/function-app', 'allow: false', 'allow: true', /ftp: properties.allow is true/],
  [
    'isHardened',
    'modules/function-app',
    "'UserAssignedIdentity'",
    "'StorageAccountConnectionString'",
    /authentication.type/,
  ],
  ['isHardened', 'container-apps/scoring', "transport: 'http2'", "transport: 'auto'", /transport is "auto"/],
  ['isHardened', 'container-apps/scoring', 'allowInsecure: false', 'allowInsecure: true', /allowInsecure is true/],
  [
    'keepsSecrets',
    'main',
    'param appSettings object',
    "param adminPassword string = ''\nparam appSettings object",
    /adminPassword is not @secure/,
  ],
  [
    'keepsSecrets',
    'main',
    'param appSettings object',
    "@secure()\nparam apiKey string = 'x'\nparam appSettings object",
    /apiKey has a secret/,
  ],
  [
    'keepsSecrets',
    'modules/storage',
    'output name string = account.name',
    'output name string = account.listKeys().keys[0].value',
    /listKeys/,
  ],
  [
    'keepsSecrets',
    'modules/storage',
    'output name string = account.name',
    'output storageConnectionString string = account.name',
    /may be a secret/,
  ],
  [
    'grantsKnownRoles',
    'modules/storage',
    'roles.storageQueueDataContributor)\n  }',
    "'8e3af657-a8ff-443c-a75c-2fe8c4bcb635')\n  }",
    /role .* is not from/,
  ],
  ['grantsKnownRoles', 'modules/storage', 'scope: account\n', '\n', /it has no scope/],
  [
    'grantsKnownRoles',
    'modules/registry',
    "principalType: 'ServicePrincipal'",
    "principalType: 'User'",
    /principalType is User/,
  ],
  [
    'grantsKnownRoles',
    'modules/registry',
    'guid(registry.id, principalId, roles.acrPull)',
    "'7f951dda-4ed3-4680-a7ca-43fe172d5390'",
    /not a guid of/,
  ],
  [
    'hasPublishedTypes',
    'modules/function-app',
    'functionAppConfig: union(',
    'functionAppConfigg: union(',
    /functionAppConfigg: unknown/,
  ],
  [
    'hasPublishedTypes',
    'modules/function-app',
    'perInstanceConcurrency:',
    'httpPerInstanceConcurrency:',
    /httpPerInstanceConcurrency: unknown/,
  ],
  ['hasPublishedTypes', 'modules/function-app', "version: '24'", 'version: 24', /runtime.version is a number/],
  [
    'hasPublishedTypes',
    'modules/function-app',
    "type: 'blobContainer'",
    "type: 'fileShare'",
    /storage.type: fileShare/,
  ],
  ['hasPublishedTypes', 'container-apps/scoring', "type: 'Liveness'", "type: 'Alive'", /probes\[\].type: Alive/],
  ['hasPublishedTypes', 'container-apps/scoring', 'queueLength: messagesPerReplica', "queueLength: '3'", /queueLength/],
  [
    'hasPublishedTypes',
    'modules/private-endpoint',
    'groupIds: [groupId]',
    'groupIds: groupId ? true : false',
    /groupIds/,
  ],
  ['hasPublishedTypes', 'modules/key-events', 'topicType:', 'kind:', /kind: unknown/],
  [
    'usesKnownVersions',
    'modules/storage',
    'storageAccounts@2026-04-01',
    'storageAccounts@2019-06-01',
    /2019-06-01 is not/,
  ],
  [
    'fitsTogether',
    'main',
    'jobContainers: jobContainers\n    encrypted',
    'encrypted',
    /module storage needs jobContainers/,
  ],
  ['fitsTogether', 'main', 'hasFunctionsHost: true', 'hasFunctionHost: true', /has no parameter hasFunctionHost/],
  ['fitsTogether', 'modules/storage', 'isPrivate ?', 'isPrivat ?', /isPrivat is not declared/],
  ['fitsTogether', 'modules/storage', /containerName/g, 'container', /container is not declared, or twice/],
  ['fitsTogether', 'main', 'keyVault.outputs.url', 'keyVault.outputs.uri', /has no output uri/],
  ['fitsTogether', 'main', "'modules/alerts.bicep'", "'modules/alert.bicep'", /there is no modules\/alert.bicep/],
  [
    'fitsTogether',
    'modules/workbook',
    'workbook/scoring.json',
    'workbook/scorings.json',
    /there is no \.\.\/workbook\/scorings/,
  ],
  [
    'fitsTogether',
    'modules/alerts',
    'param email string',
    'param email string\nparam phone string',
    /parameter phone is not used/,
  ],
  ['isHardened', 'modules/service-bus', 'enabled: true', 'enabled: false', /properties.enabled is false/],
  ['hasPublishedTypes', 'modules/service-bus', 'metricName:', 'metric:', /allOf\[\].metric: unknown/],
  [
    'grantsKnownRoles',
    'modules/service-bus',
    'principalId: principalId\n      principalType',
    'principalId: scalerPrincipalId\n      principalType',
    /receiver: owner of the queues is only what scales/,
  ],
  [
    'grantsKnownRoles',
    'modules/service-bus',
    'principalId: scalerPrincipalId',
    'principalId: principalId',
    /scaler: owner of the queues is only what scales/,
  ],
  [
    'keepsIdentitiesApart',
    'container-apps/scoring',
    "lifecycle: 'None'",
    "lifecycle: 'All'",
    /can use scalerIdentityId/,
  ],
  ['keepsIdentitiesApart', 'container-apps/scoring', /identitySettings: .*/, '', /can use scalerIdentityId/],
  [
    'hasPublishedTypes',
    'container-apps/scoring',
    'identity: scalerIdentityId\n    }',
    'id: scalerIdentityId\n    }',
    /custom.id: unknown/,
  ],
  ['hasPublishedTypes', 'modules/function-app', "'RollingUpdate'", "'Rolling'", /siteUpdateStrategy.type: Rolling/],
  ['hasPublishedTypes', 'modules/storage', 'baseBlob: {', 'blob: {', /actions.blob: unknown/],
  ['watchesDeadLetters', 'modules/service-bus', "'DeadletteredMessages'", "'ActiveMessages'", /no alert looks/],
  ['watchesDeadLetters', 'modules/service-bus', /actions: \[.*\]/, '', /nobody hears of it/],
]

describe('a policy', () => {
  it.each(mutations)('%s fails when %s.bicep has %s replaced by %s', (policy, name, before, after, finding) => {
    const target = fileNamed(`infra/${name}.bicep`)
    const text = target.text.replace(before, after)
    assert.notEqual(text, target.text)
    const mutated = files.map(each => (each === target ? parseBicep(text, each.file) : each))
    assert.match(policies[policy](mutated).join('\n'), finding)
  })

  it('is broken by one of these, each', () => {
    const broken = new Set(mutations.map(([policy]) => policy))
    assert.deepEqual(
      Object.keys(policies).filter(policy => !broken.has(policy as keyof typeof policies)),
      [],
    )
  })
})

describe('parseBicep', () => {
  it.each(['resource x = {}', "param a string\n  b: 'c'", 'var a = {'])('refuses %j', text => {
    assert.throws(() => parseBicep(text), /test\.bicep:\d+: no Bicep/)
  })

  it.each<[string, Value]>([
    ["{ 'a-b': [1, true, null] }", { 'a-b': [1, true, null] }],
    ["union({ a: 1 }, x ? { b: 'c' } : {})", { a: 1, b: 'c' }],
    ['concat([1], [2])', [1, 2]],
    ["[for x in y: { name: 'n' }]", [{ name: 'n' }]],
  ])('reads %s', (text, value) => {
    assert.deepEqual(parseBicep(`var v = ${text}\n`).variables.get('v'), value)
  })
})
