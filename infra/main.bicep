metadata description = 'Scoring Functions on Azure Functions (Flex Consumption): `azd up`. guide/deploy.md explains each parameter.'

targetScope = 'subscription'

import { functionAlerts } from 'function-alerts.bicep'

@minLength(1)
@maxLength(64)
@description('Name of the environment of azd: names the resource group, and is part of all other names.')
param environmentName string

@minLength(1)
@description('Region: one that has Flex Consumption.')
@metadata({ azd: { type: 'location' } })
param location string

@description('Mail address for alerts; empty: they are only in the portal.')
param alertEmail string

@description('Object id of who reads and rotates keys; empty: nobody yet.')
param keyOperatorId string

@allowed(['User', 'Group'])
param keyOperatorType string

@description('Storage and vault are closed to the internet, and the app reaches them through a network of its own.')
param isPrivate bool

@description('Storage in three zones; instances, too, on Flex Consumption. Only in regions that have zones.')
param isZoneRedundant bool

@description('A deleted vault can be brought back for 90 days, and not be deleted for good before. Off only for trials.')
param hasPurgeProtection bool

@description('Memory of an instance: 512, 2048 or 4096 MB. 4096 has two processors, the others one or less.')
@allowed([512, 2048, 4096])
param instanceMemoryMB int

@minValue(1)
@maxValue(1000)
param maximumInstanceCount int

@description('Instances that wait for requests, and are paid for all the time: no cold start.')
@minValue(0)
param alwaysReadyInstances int

@description('Deployments replace instances in groups, and each completes its requests first. A preview of Azure.')
param hasRollingUpdates bool

@description('Requests that an instance takes at once for each thread that scores: one runs while others are read and can join the next batch.')
@minValue(1)
@maxValue(500)
param requestsPerThread int = 8

@description('Days after which jobs and their results are deleted; 0: never.')
@minValue(0)
param jobRetentionDays int

@description('Queues of Service Bus from which services take requests (triggers.serviceBus.input), with commas; empty: no namespace.')
param serviceBusInputQueues string

@description('Queues of Service Bus to which services send answers (triggers.serviceBus.output), with commas.')
param serviceBusOutputQueues string

@description('Queues of the storage account from which services take requests (triggers.queue.input), with commas.')
param storageInputQueues string

@description('Further settings of guide/settings.md, e.g. { "SCORING_METRICS": "on" }.')
param appSettings object = {}

var serviceName = 'scoring'
var tags = { 'azd-env-name': environmentName }
// Names of storage accounts and vaults are those of hosts, so they must be unique in the world.
var token = toLower(uniqueString(subscription().id, environmentName, location))
var packageContainer = 'app-package'
var jobContainers = ['input', 'output']
var encryptedKeysContainer = 'encrypted-keys'
var busInputs = filter(map(split(serviceBusInputQueues, ','), each => trim(each)), each => !empty(each))
var busOutputs = filter(map(split(serviceBusOutputQueues, ','), each => trim(each)), each => !empty(each))
var storageInputs = filter(map(split(storageInputQueues, ','), each => trim(each)), each => !empty(each))
var hasServiceBus = !empty(busInputs) || !empty(busOutputs)

resource group 'Microsoft.Resources/resourceGroups@2024-11-01' = {
  name: 'rg-${environmentName}'
  location: location
  tags: tags
}

module identity 'modules/identity.bicep' = {
  name: 'identity'
  scope: group
  params: { name: 'id-${token}', location: location, tags: tags }
}

module network 'modules/network.bicep' = if (isPrivate) {
  name: 'network'
  scope: group
  params: { name: token, location: location, tags: tags }
}

module monitoring 'modules/monitoring.bicep' = {
  name: 'monitoring'
  scope: group
  params: {
    name: token
    location: location
    tags: tags
    principalId: identity.outputs.principalId
    retentionDays: 30
  }
}

module workbook 'modules/workbook.bicep' = {
  name: 'workbook'
  scope: group
  params: { location: location, tags: tags, workspaceId: monitoring.outputs.workspaceId }
}

module storage 'modules/storage.bicep' = {
  name: 'storage'
  scope: group
  params: {
    name: 'st${token}'
    location: location
    tags: tags
    jobContainers: jobContainers
    encryptedKeysContainer: encryptedKeysContainer
    packageContainer: packageContainer
    triggerQueues: storageInputs
    principalId: identity.outputs.principalId
    hasFunctionsHost: true
    jobRetentionDays: jobRetentionDays
    isZoneRedundant: isZoneRedundant
    isPrivate: isPrivate
  }
}

module keyVault 'modules/key-vault.bicep' = {
  name: 'key-vault'
  scope: group
  params: {
    name: 'kv-${token}'
    location: location
    tags: tags
    principalId: identity.outputs.principalId
    keyOperatorId: keyOperatorId
    keyOperatorType: keyOperatorType
    isPrivate: isPrivate
    hasPurgeProtection: hasPurgeProtection
    workspaceId: monitoring.outputs.workspaceId
  }
}

module endpoints 'modules/private-endpoints.bicep' = if (isPrivate) {
  name: 'private-endpoints'
  scope: group
  params: {
    name: token
    location: location
    tags: tags
    networkId: network!.outputs.id
    subnetId: network!.outputs.endpointSubnetId
    storageId: storage.outputs.id
    vaultId: keyVault.outputs.id
    serviceBusId: hasServiceBus ? serviceBus!.outputs.id : ''
  }
}

module serviceBus 'modules/service-bus.bicep' = if (hasServiceBus) {
  name: 'service-bus'
  scope: group
  params: {
    name: 'sb-${token}'
    location: location
    tags: tags
    principalId: identity.outputs.principalId
    inputQueues: busInputs
    outputQueues: busOutputs
    scalerPrincipalId: ''
    actionGroups: alerts.outputs.actionGroups
    isPrivate: isPrivate
  }
}

module app 'modules/function-app.bicep' = {
  name: 'function-app'
  scope: group
  params: {
    name: token
    location: location
    tags: tags
    serviceName: serviceName
    identityId: identity.outputs.id
    identityClientId: identity.outputs.clientId
    blobEndpoint: storage.outputs.blobEndpoint
    queueEndpoint: storage.outputs.queueEndpoint
    packageContainer: packageContainer
    jobContainers: jobContainers
    encryptedKeysContainer: encryptedKeysContainer
    vaultUrl: keyVault.outputs.url
    insightsConnectionString: monitoring.outputs.connectionString
    isZoneRedundant: isZoneRedundant
    subnetId: isPrivate ? network!.outputs.appSubnetId : ''
    instanceMemoryMB: instanceMemoryMB
    maximumInstanceCount: maximumInstanceCount
    alwaysReadyInstances: alwaysReadyInstances
    requestsPerThread: requestsPerThread
    hasRollingUpdates: hasRollingUpdates
    moreSettings: union(
      hasServiceBus
        ? {
            AzureWebJobsServiceBus__fullyQualifiedNamespace: serviceBus!.outputs.hostName
            AzureWebJobsServiceBus__credential: 'managedidentity'
            AzureWebJobsServiceBus__clientId: identity.outputs.clientId
          }
        : {},
      appSettings
    )
  }
}

module alerts 'modules/alerts.bicep' = {
  name: 'alerts'
  scope: group
  params: {
    name: token
    location: location
    tags: tags
    workspaceId: monitoring.outputs.workspaceId
    email: alertEmail
    alerts: functionAlerts
  }
}

module keyEvents 'modules/key-events.bicep' = {
  name: 'key-events'
  scope: group
  params: {
    name: token
    location: location
    tags: tags
    vaultId: keyVault.outputs.id
    actionGroups: alerts.outputs.actionGroups
  }
}

module blobEvents 'modules/blob-events.bicep' = {
  name: 'blob-events'
  scope: group
  params: { name: token, location: location, tags: tags, storageId: storage.outputs.id }
}

// azd keeps these in its environment, where the hooks read them. None is a secret.
output AZURE_RESOURCE_GROUP string = group.name
output AZURE_RESOURCE_MANAGER string = environment().resourceManager
output AZURE_KEY_VAULT_NAME string = keyVault.outputs.name
output AZURE_STORAGE_ACCOUNT_NAME string = storage.outputs.name
output AZURE_FUNCTION_APP_NAME string = app.outputs.name
output AZURE_BLOB_EVENTS_TOPIC string = blobEvents.outputs.topicName
output SERVICE_SCORING_URL string = app.outputs.url
