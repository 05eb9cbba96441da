// Writes test/fixtures/schemas/azure-types.json: what Microsoft's own packages say that each resource of infra/ may have. Run by hand
// when infra/ uses another resource or API version, because the packages have 200 MB:
//
//   mkdir /tmp/arm && cd /tmp/arm && npm init --yes
//   npm install --ignore-scripts typescript@5 $(node <repository>/tools/published-types/write_azure_types.mjs --packages)
//   node <repository>/tools/published-types/write_azure_types.mjs > <repository>/test/fixtures/schemas/azure-types.json
//
// New packages have functions that turn an object into what is sent. Called with an object that has every property, they show all
// that can be sent; the declarations know the types. Older packages have tables ("mappers") with the same.
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

/** By type: package, the name of its function or table, the folder of models where it is not the usual one, and what chooses one of several types. */
const resources = {
  'Microsoft.App/containerApps': ['arm-appcontainers@4.0.0', 'containerAppSerializer'],
  'Microsoft.App/managedEnvironments': ['arm-appcontainers@4.0.0', 'managedEnvironmentSerializer'],
  'Microsoft.Authorization/roleAssignments': ['arm-authorization@9.0.0', 'RoleAssignmentCreateParameters'],
  'Microsoft.ContainerRegistry/registries': ['arm-containerregistry@12.0.0', 'registrySerializer'],
  'Microsoft.EventGrid/systemTopics': ['arm-eventgrid@14.1.0', 'SystemTopic'],
  'Microsoft.EventGrid/systemTopics/eventSubscriptions': ['arm-eventgrid@14.1.0', 'EventSubscription'],
  'Microsoft.Insights/actionGroups': ['arm-monitor@8.0.0', 'actionGroupResourceSerializer', 'actionGroupsApi'],
  'Microsoft.Insights/diagnosticSettings': [
    'arm-monitor@8.0.0',
    'diagnosticSettingsResourceSerializer',
    'diagnosticsSettings',
  ],
  'Microsoft.Insights/metricAlerts': [
    'arm-monitor@8.0.0',
    'metricAlertResourceSerializer',
    'metricAlertApi',
    { odataType: 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria' },
  ],
  'Microsoft.Insights/scheduledQueryRules': [
    'arm-monitor@8.0.0',
    'scheduledQueryRuleResourceSerializer',
    'scheduledQueryRuleApi',
  ],
  'Microsoft.Insights/workbooks': ['arm-appinsights@4.0.0', 'Workbook'],
  'Microsoft.KeyVault/vaults': ['arm-keyvault@5.0.0', 'vaultCreateOrUpdateParametersSerializer'],
  'Microsoft.KeyVault/vaults/secrets': ['arm-keyvault@5.0.0', 'secretCreateOrUpdateParametersSerializer'],
  'Microsoft.ManagedIdentity/userAssignedIdentities': ['arm-msi@2.2.0', 'Identity'],
  'Microsoft.Network/networkSecurityGroups': ['arm-network@39.0.0', 'networkSecurityGroupSerializer', 'common'],
  'Microsoft.Network/privateDnsZones': ['arm-privatedns@4.0.0', 'privateZoneSerializer'],
  'Microsoft.Network/privateDnsZones/virtualNetworkLinks': ['arm-privatedns@4.0.0', 'virtualNetworkLinkSerializer'],
  'Microsoft.Network/privateEndpoints': ['arm-network@39.0.0', 'privateEndpointSerializer', 'common'],
  'Microsoft.Network/privateEndpoints/privateDnsZoneGroups': [
    'arm-network@39.0.0',
    'privateDnsZoneGroupSerializer',
    'network',
  ],
  'Microsoft.Network/virtualNetworks': ['arm-network@39.0.0', 'virtualNetworkSerializer', 'common'],
  'Microsoft.OperationalInsights/workspaces': ['arm-operationalinsights@11.0.0', 'workspaceSerializer'],
  'Microsoft.Resources/resourceGroups': ['arm-resources@8.0.0', 'resourceGroupSerializer'],
  'Microsoft.ServiceBus/namespaces': ['arm-servicebus@6.1.0', 'SBNamespace'],
  'Microsoft.ServiceBus/namespaces/queues': ['arm-servicebus@6.1.0', 'SBQueue'],
  'Microsoft.Storage/storageAccounts': ['arm-storage@21.0.0', 'storageAccountCreateParametersSerializer'],
  'Microsoft.Storage/storageAccounts/blobServices': ['arm-storage@21.0.0', 'blobServicePropertiesSerializer'],
  'Microsoft.Storage/storageAccounts/blobServices/containers': ['arm-storage@21.0.0', 'blobContainerSerializer'],
  'Microsoft.Storage/storageAccounts/managementPolicies': ['arm-storage@21.0.0', 'managementPolicySerializer'],
  'Microsoft.Storage/storageAccounts/queueServices': ['arm-storage@21.0.0', 'queueServicePropertiesSerializer'],
  'Microsoft.Storage/storageAccounts/queueServices/queues': ['arm-storage@21.0.0', 'storageQueueSerializer'],
  'Microsoft.Web/serverfarms': ['arm-appservice@19.0.0', 'appServicePlanSerializer'],
  'Microsoft.Web/sites': ['arm-appservice@19.0.0', 'siteSerializer'],
  'Microsoft.Web/sites/basicPublishingCredentialsPolicies': [
    'arm-appservice@19.0.0',
    'csmPublishingCredentialsPoliciesEntitySerializer',
  ],
  'Microsoft.Web/sites/config': ['arm-appservice@19.0.0', 'stringDictionarySerializer'],
}

if (process.argv.includes('--packages')) {
  console.log([...new Set(Object.values(resources).map(([name]) => `@azure/${name}`))].join(' '))
  process.exit()
}
const require = createRequire(join(process.cwd(), 'package.json'))
const ts = require('typescript')
/** Deeper, a type contains itself. */
const maxDepth = 12

// ---- New packages -----------------------------------------------------------------------------------------------------

const path = Symbol('path')
/** Has every property; knows where it is. @param chosen  values of properties that choose a type */
function everything(at, chosen) {
  return new Proxy(
    {},
    {
      get(_, name) {
        if (name === path) return at
        if (name === 'map') return convert => [convert(everything([...at, '[]'], chosen))]
        if (name === 'toISOString') return () => everything(at, chosen)
        if (name === 'getTime') return () => 0
        if (name === 'length') return 0 // of bytes, which are turned into base64
        if (typeof name === 'symbol' || name === 'valueOf' || at.length > maxDepth) return undefined
        return chosen[name] ?? everything([...at, name], chosen)
      },
    },
  )
}

function fromSerializer(folder, serializer, chosen) {
  const models = require(join(folder, 'models.js'))
  const program = ts.createProgram([join(folder, 'models.d.ts')], {
    skipLibCheck: true,
    moduleResolution: 100,
    module: 199,
  })
  const checker = program.getTypeChecker()
  const source = program.getSourceFile(join(folder, 'models.d.ts'))
  const declared = checker.getExportsOfModule(checker.getSymbolAtLocation(source))
  const declaration = declared.find(({ name }) => name === serializer)
  if (declaration === undefined) throw new Error(`${folder} declares no ${serializer}`)
  const signature = checker.getTypeOfSymbolAtLocation(declaration, source).getCallSignatures()[0]
  const root = checker.getTypeOfSymbolAtLocation(signature.parameters[0], source)
  return toSchema(models[serializer](everything([], chosen)))

  function toSchema(value) {
    if (value === undefined) return undefined
    if (typeof value !== 'object') return { type: typeof value }
    if (value[path] !== undefined) return leaf(value[path])
    if (Array.isArray(value)) return { items: toSchema(value[0]) ?? {} }
    const entries = Object.entries(value).flatMap(([name, each]) => {
      const schema = toSchema(each)
      return schema === undefined ? [] : [[name, schema]]
    })
    return entries.length === 0 ? {} : { properties: Object.fromEntries(entries) }
  }

  function leaf(at) {
    let type = root
    for (const name of at) {
      type = checker.getNonNullableType(type)
      if (name === '[]') type = checker.getTypeArguments(type)[0]
      else {
        const property = type.getProperty(name)
        if (property === undefined) return {} // of one of several types
        type = checker.getTypeOfSymbolAtLocation(property, source)
      }
      if (type === undefined) return {}
    }
    type = checker.getNonNullableType(type)
    const literals = type.isUnion() ? type.types : [type]
    if (literals.every(each => each.isStringLiteral()))
      return { type: 'string', enum: literals.map(({ value }) => value) }
    if (literals.every(each => each.flags & ts.TypeFlags.BooleanLike)) return { type: 'boolean' }
    if (type.flags & ts.TypeFlags.NumberLike) return { type: 'number' }
    if (type.flags & ts.TypeFlags.StringLike) {
      const known = knownValues(at)
      return known ? { type: 'string', enum: known } : { type: 'string' }
    }
    return {}
  }

  /** The enum `Known…` that belongs to a type that is declared as any string. */
  function knownValues(at) {
    let type = root
    let declaration
    for (const name of at) {
      type = checker.getNonNullableType(type)
      if (name === '[]') type = checker.getTypeArguments(type)[0]
      else {
        const property = type.getProperty(name)
        declaration = property?.valueDeclaration
        type = checker.getTypeOfSymbolAtLocation(property, source)
      }
    }
    const text = declaration?.type?.getText()
    const known = declared.find(({ name }) => name === `Known${text}`)
    const members = known?.valueDeclaration?.members
    return members?.map(each => checker.getConstantValue(each)).filter(each => typeof each === 'string')
  }
}

// ---- Older packages ---------------------------------------------------------------------------------------------------

async function fromMapper(file, name) {
  const mappers = await import(pathToFileURL(file))
  const all = Object.values(mappers).filter(each => each?.type?.name === 'Composite')
  return ofClass(mappers[name].type.className, 0)

  function ofClass(className, depth) {
    if (depth > maxDepth) return {}
    const own = all.find(({ type }) => type.className === className)?.type
    const properties = {}
    // A type that is one of several has the properties of all of them.
    const kinds = own?.polymorphicDiscriminator
      ? all.filter(({ type }) => type.uberParent === className || type.className === className).map(({ type }) => type)
      : [own]
    for (const kind of kinds) {
      for (const each of Object.values(kind?.modelProperties ?? {})) {
        if (each.readOnly) continue
        const names = (each.serializedName ?? '').split(/(?<!\\)\./).map(part => part.replaceAll('\\.', '.'))
        let at = { properties }
        for (const part of names.slice(0, -1)) at = at.properties[part] ??= { properties: {} }
        const last = names.at(-1)
        at.properties[last] = { ...at.properties[last], ...ofType(each.type, depth + 1) }
      }
    }
    return { properties }
  }

  function ofType(type, depth) {
    if (type.name === 'Composite') return ofClass(type.className, depth)
    if (type.name === 'Sequence') return { items: ofType(type.element.type, depth) }
    if (type.name === 'Enum') return { type: 'string', enum: type.allowedValues }
    if (['String', 'Uuid', 'TimeSpan', 'DateTime'].includes(type.name)) return { type: 'string' }
    if (type.name === 'Number') return { type: 'number' }
    if (type.name === 'Boolean') return { type: 'boolean' }
    return {}
  }
}

const types = {}
for (const [type, [name, member, models = '', chosen = {}]] of Object.entries(resources)) {
  const folder = join(process.cwd(), 'node_modules/@azure', name.split('@')[0])
  const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  if (!name.endsWith(`@${version}`)) throw new Error(`${name} is wanted, and ${version} is installed`)
  const mappers = ['dist-esm/src/models/mappers.js', 'dist/esm/models/mappers.js', 'esm/models/mappers.js']
    .map(each => join(folder, each))
    .find(existsSync)
  const schema = mappers
    ? await fromMapper(mappers, member)
    : fromSerializer(join(folder, 'dist/commonjs/models', models), member, chosen)
  types[type] = { package: `@azure/${name}`, schema }
}
console.log(JSON.stringify(types))
