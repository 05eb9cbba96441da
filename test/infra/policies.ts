/** Rules for the Bicep files, each a function that returns what breaks it. `infrastructure.test.ts` shows that each can be broken. */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { findTypeErrors } from './azure-types.ts'
import { type BicepFile, type BicepResource, Expression, isObject, type Value, valuesAt } from './bicep.ts'

export type Policy = (files: readonly BicepFile[]) => string[]

const resourcesOf = (files: readonly BicepFile[]) =>
  files.flatMap(({ file, resources }) => resources.map(resource => ({ file, resource })))

/** By type of resource: properties that must be there, with one of these values. */
const required: Readonly<Record<string, Readonly<Record<string, readonly Value[]>>>> = {
  'Microsoft.Storage/storageAccounts': {
    'properties.allowSharedKeyAccess': [false],
    'properties.allowBlobPublicAccess': [false],
    'properties.allowCrossTenantReplication': [false],
    'properties.supportsHttpsTrafficOnly': [true],
    'properties.minimumTlsVersion': ['TLS1_2', 'TLS1_3'],
    'properties.publicNetworkAccess': ['Disabled', 'Enabled'],
  },
  'Microsoft.Storage/storageAccounts/blobServices/containers': { 'properties.publicAccess': ['None'] },
  'Microsoft.KeyVault/vaults': {
    'properties.enableRbacAuthorization': [true],
    'properties.enableSoftDelete': [true],
    'properties.publicNetworkAccess': ['Disabled', 'Enabled'],
  },
  'Microsoft.ServiceBus/namespaces': {
    'properties.disableLocalAuth': [true],
    'properties.minimumTlsVersion': ['1.2', '1.3'],
  },
  'Microsoft.Insights/metricAlerts': { 'properties.enabled': [true] },
  'Microsoft.Insights/scheduledQueryRules': { 'properties.enabled': [true] },
  'Microsoft.OperationalInsights/workspaces': { 'properties.features.disableLocalAuth': [true] },
  'Microsoft.Insights/components': { 'properties.DisableLocalAuth': [true] },
  'Microsoft.ContainerRegistry/registries': {
    'properties.adminUserEnabled': [false],
    'properties.anonymousPullEnabled': [false],
  },
  'Microsoft.Web/sites': {
    'identity.type': ['UserAssigned'],
    'properties.httpsOnly': [true],
    'properties.siteConfig.minTlsVersion': ['1.2', '1.3'],
    'properties.siteConfig.scmMinTlsVersion': ['1.2', '1.3'],
    'properties.siteConfig.ftpsState': ['Disabled'],
    'properties.functionAppConfig.deployment.storage.authentication.type': ['UserAssignedIdentity'],
  },
  'Microsoft.Web/sites/basicPublishingCredentialsPolicies': { 'properties.allow': [false] },
  'Microsoft.App/containerApps': {
    'identity.type': ['UserAssigned'],
    'properties.configuration.ingress.allowInsecure': [false],
    'properties.configuration.ingress.transport': ['http2'],
  },
  'Microsoft.App/managedEnvironments': {
    'properties.appLogsConfiguration.destination': ['azure-monitor'],
    'properties.peerTrafficConfiguration.encryption.enabled': [true],
  },
}

export const isHardened: Policy = files =>
  resourcesOf(files).flatMap(({ file, resource }) =>
    Object.entries(required[resource.type] ?? {}).flatMap(([path, allowed]) => {
      const found = valuesAt(resource.body, path)
      if (found.length === 0) return [`${file}: ${resource.name}: ${path} is not set`]
      return found
        .filter(value => !allowed.includes(value))
        .map(value => `${file}: ${resource.name}: ${path} is ${describe(value)}`)
    }),
  )

/** Values of such parameters would be in the history of deployments. */
const secretName = /secret|password|passphrase|sas|accesskey|(primary|secondary|shared)key|connectionstring|credential/i
/** Of Application Insights, which takes telemetry from identities only: an address, as is the output connectionString. */
const noSecret = new Set(['insightsConnectionString'])

export const keepsSecrets: Policy = files =>
  files.flatMap(({ file, text, parameters, outputs }) => [
    ...parameters
      .filter(
        ({ name, decorators }) => secretName.test(name) && !noSecret.has(name) && !decorators.includes('secure()'),
      )
      .map(({ name }) => `${file}: parameter ${name} is not @secure()`),
    ...parameters
      .filter(({ decorators, ...each }) => decorators.includes('secure()') && each.default !== undefined)
      .map(({ name }) => `${file}: parameter ${name} has a secret as its default`),
    ...[...text.matchAll(/\b(list(Keys|AccountSas|ServiceSas|Credentials|AdminKeys|Secrets?)|newGuid)\(/g)].map(
      ([call]) => `${file}: ${call}…) would put a secret into the deployment`,
    ),
    ...[...outputs]
      .filter(([name]) => secretName.test(name) && name !== 'connectionString')
      .map(([name]) => `${file}: output ${name} may be a secret`),
  ])

/** What the app may have, by the id of Azure's built-in role ("Azure built-in roles"). Nothing with which it could give itself more. */
const knownRoles: Readonly<Record<string, string>> = {
  storageBlobDataOwner: 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b',
  storageBlobDataContributor: 'ba92f5b4-2d11-453d-a403-e96b0029c9fe',
  storageQueueDataContributor: '974c5e8b-45b9-4653-ba55-5f855dd0fb88',
  keyVaultSecretsUser: '4633458b-17de-408a-b874-0445c86b69e6',
  keyVaultSecretsOfficer: 'b86a8fe4-44ce-4948-aee5-eccb2c155cd7',
  monitoringMetricsPublisher: '3913510d-42f4-4e42-8a64-420c390055eb',
  acrPull: '7f951dda-4ed3-4680-a7ca-43fe172d538d',
  serviceBusDataReceiver: '4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0',
  serviceBusDataOwner: '090c5cfd-751d-490a-894a-3ce6f1109419',
  serviceBusDataSender: '69a216fc-b8fb-44d8-bc22-1f3c2cd27a39',
}

export const grantsKnownRoles: Policy = files => {
  const written = JSON.parse(readFileSync('infra/roles.json', 'utf8')) as Record<string, string>
  const wrongIds = Object.entries(written)
    .filter(([name, id]) => knownRoles[name] !== id)
    .map(([name]) => `infra/roles.json: ${name} is no role that the app may have`)
  const assignments = resourcesOf(files).filter(
    ({ resource }) => resource.type === 'Microsoft.Authorization/roleAssignments',
  )
  return [...wrongIds, ...assignments.flatMap(({ file, resource }) => checkAssignment(file, resource))]
}

function checkAssignment(file: string, { name, body }: BicepResource): string[] {
  const text = (path: string) =>
    valuesAt(body, path).map(value => (value instanceof Expression ? value.text : String(value)))
  const findings: string[] = []
  const [role = ''] = text('properties.roleDefinitionId')
  const id = /^subscriptionResourceId\('Microsoft\.Authorization\/roleDefinitions', (roles\.\w+|blobRole)\)$/.exec(
    role,
  )?.[1]
  if (!id) findings.push(`role ${role} is not from infra/roles.json`)
  // Otherwise a second deployment conflicts with the first.
  if (!text('name')[0]?.startsWith('guid(') || !text('name')[0]?.includes(id ?? ''))
    findings.push('its name is not a guid of scope, principal and role')
  if (text('scope').length === 0) findings.push('it is for the whole resource group: it has no scope')
  const [kind = ''] = text('properties.principalType')
  // With it the app could empty the queues, and change them.
  const isScaler = text('properties.principalId')[0] === 'scalerPrincipalId'
  if ((id === 'roles.serviceBusDataOwner') !== isScaler)
    findings.push('owner of the queues is only what scales the app')
  const isOfPeople = id === 'roles.keyVaultSecretsOfficer'
  if (isOfPeople ? kind !== 'keyOperatorType' : kind !== 'ServicePrincipal') findings.push(`principalType is ${kind}`)
  return findings.map(text => `${file}: ${name}: ${text}`)
}

export const hasPublishedTypes: Policy = files =>
  resourcesOf(files).flatMap(({ file, resource }) => findTypeErrors(resource).map(text => `${file}: ${text}`))

/** Versions of which Azure/bicep-types-az has types: the compiler knows them. A preview only where there is nothing else. */
const apiVersions: Readonly<Record<string, string>> = {
  'Microsoft.App/containerApps': '2026-01-01',
  'Microsoft.App/managedEnvironments': '2026-01-01',
  'Microsoft.Authorization/roleAssignments': '2022-04-01',
  'Microsoft.ContainerRegistry/registries': '2025-04-01',
  'Microsoft.EventGrid/systemTopics': '2025-02-15',
  'Microsoft.Insights/actionGroups': '2023-01-01',
  'Microsoft.Insights/components': '2020-02-02',
  'Microsoft.Insights/diagnosticSettings': '2021-05-01-preview',
  'Microsoft.Insights/metricAlerts': '2018-03-01',
  'Microsoft.Insights/scheduledQueryRules': '2022-06-15',
  'Microsoft.Insights/workbooks': '2023-06-01',
  'Microsoft.KeyVault/vaults': '2026-02-01',
  'Microsoft.ManagedIdentity/userAssignedIdentities': '2024-11-30',
  'Microsoft.Network/networkSecurityGroups': '2024-05-01',
  'Microsoft.Network/privateDnsZones': '2024-06-01',
  'Microsoft.Network/privateEndpoints': '2024-05-01',
  'Microsoft.Network/virtualNetworks': '2024-05-01',
  'Microsoft.OperationalInsights/workspaces': '2025-02-01',
  'Microsoft.Resources/resourceGroups': '2024-11-01',
  'Microsoft.ServiceBus/namespaces': '2024-01-01',
  'Microsoft.Storage/storageAccounts': '2026-04-01',
  'Microsoft.Web/serverfarms': '2025-03-01',
  'Microsoft.Web/sites': '2025-03-01',
}

export const usesKnownVersions: Policy = files =>
  resourcesOf(files)
    .filter(({ resource: { type, apiVersion } }) => apiVersions[type.split('/').slice(0, 2).join('/')] !== apiVersion)
    .map(
      ({ file, resource: { type, apiVersion } }) => `${file}: ${type}@${apiVersion} is not a version that is checked`,
    )

/** As the compiler checks them: names, parameters of modules, and their outputs. */
export const fitsTogether: Policy = files => {
  const byPath = new Map(files.map(each => [normalize(each.file), each]))
  const findings: string[] = []
  for (const { file, text, modules, parameters, unknownNames } of files) {
    findings.push(...unknownNames.map(name => `${file}: ${name} is not declared, or twice`))
    for (const [, path = ''] of text.matchAll(/\bload(?:Text|Json)Content\('([^']+)'/g)) {
      if (!existsSync(join(dirname(file), path))) findings.push(`${file}: there is no ${path}`)
    }
    for (const { name, path, body } of modules) {
      const target = byPath.get(join(dirname(file), path))
      if (!target) {
        findings.push(`${file}: module ${name}: there is no ${path}`)
        continue
      }
      const params = valuesAt(body, 'params')[0]
      const given = new Set(Object.keys(isObject(params) ? params : {}))
      for (const each of target.parameters) {
        const isOptional = each.default !== undefined || each.type.endsWith('?')
        if (!given.delete(each.name) && !isOptional) findings.push(`${file}: module ${name} needs ${each.name}`)
      }
      for (const each of given) findings.push(`${file}: module ${name} has no parameter ${each}`)
      const used = text.matchAll(new RegExp(`\\b${name}!?\\.outputs\\.(\\w+)`, 'g'))
      for (const [, output = ''] of used) {
        if (!target.outputs.has(output)) findings.push(`${file}: module ${name} has no output ${output}`)
      }
    }
    for (const { name } of parameters) {
      if (text.match(new RegExp(`\\b${name}\\b`, 'g'))?.length === 1)
        findings.push(`${file}: parameter ${name} is not used`)
    }
  }
  return findings
}

/** An app can get a token of each identity that it has, unless the identity is for nothing but the platform. */
export const keepsIdentitiesApart: Policy = files =>
  resourcesOf(files).flatMap(({ file, resource: { type, name, body } }) => {
    if (type !== 'Microsoft.App/containerApps') return []
    const others = valuesAt(body, 'identity.userAssignedIdentities')
      .flatMap(each => Object.keys(isObject(each) ? each : {}))
      .map(key => key.replace(/^\$\{(\w+)\}$/, '$1'))
    const settings = valuesAt(body, 'properties.configuration.identitySettings').filter(isObject)
    const closed = settings
      .filter(({ lifecycle }) => lifecycle === 'None')
      .map(({ identity }) => (identity instanceof Expression ? identity.text : identity))
    return others
      .filter(id => id !== 'identityId' && !closed.includes(id))
      .map(id => `${file}: ${name}: containers can use ${id}`)
  })

/** Service Bus moves messages to the dead letters by itself, so that no line of the app tells of them. */
export const watchesDeadLetters: Policy = files =>
  files.flatMap(({ file, resources }) => {
    if (!resources.some(({ type }) => type === 'Microsoft.ServiceBus/namespaces/queues')) return []
    const alerts = resources.filter(({ type }) => type === 'Microsoft.Insights/metricAlerts')
    const watching = alerts.filter(({ body }) =>
      valuesAt(body, 'properties.criteria.allOf.metricName').includes('DeadletteredMessages'),
    )
    if (watching.length === 0) return [`${file}: no alert looks at DeadletteredMessages of its queues`]
    return watching
      .filter(({ body }) => valuesAt(body, 'properties.actions').length === 0)
      .map(({ name }) => `${file}: ${name}: nobody hears of it: it has no actions`)
  })

function describe(value: Value): string {
  return value instanceof Expression ? value.text : JSON.stringify(value)
}

export const policies = {
  isHardened,
  keepsSecrets,
  grantsKnownRoles,
  hasPublishedTypes,
  usesKnownVersions,
  fitsTogether,
  keepsIdentitiesApart,
  watchesDeadLetters,
}
