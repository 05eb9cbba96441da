metadata description = 'What the container app needs; scoring.bicep is the app itself.'

targetScope = 'subscription'

import { containerAlerts } from 'container-alerts.bicep'

@minLength(1)
@maxLength(64)
@description('Name of the environment of azd: names the resource group, and is part of all other names.')
param environmentName string

@minLength(1)
@description('Region: one that has the GPU, if there is one.')
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

@description('Storage in three zones. Only in regions that have zones.')
param isZoneRedundant bool

@description('A deleted vault can be brought back for 90 days, and not be deleted for good before. Off only for trials.')
param hasPurgeProtection bool

@description('Profile with a GPU, e.g. Consumption-GPU-NC8as-T4; empty: none.')
param gpuProfile string

@description('Days after which jobs and their results are deleted; 0: never.')
@minValue(0)
param jobRetentionDays int

@description('Queues of Service Bus from which services take requests (triggers.serviceBus.input), with commas; empty: no namespace.')
param serviceBusInputQueues string

@description('Queues of Service Bus to which services send answers (triggers.serviceBus.output), with commas.')
param serviceBusOutputQueues string

@description('Queues of the storage account from which services take requests (triggers.queue.input), with commas.')
param storageInputQueues string

var tags = { 'azd-env-name': environmentName }
var token = toLower(uniqueString(subscription().id, environmentName, location))
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

module identity '../modules/identity.bicep' = {
  name: 'identity'
  scope: group
  params: { name: 'id-${token}', location: location, tags: tags }
}

// A second one for the scale rules, which no container can use.
module scaler '../modules/identity.bicep' = if (hasServiceBus) {
  name: 'scaler'
  scope: group
  params: { name: 'id-scaler-${token}', location: location, tags: tags }
}

module network '../modules/network.bicep' = if (isPrivate) {
  name: 'network'
  scope: group
  params: { name: token, location: location, tags: tags }
}

module monitoring '../modules/monitoring.bicep' = {
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

module workbook '../modules/workbook.bicep' = {
  name: 'workbook'
  scope: group
  params: {
    location: location
    tags: tags
    workspaceId: monitoring.outputs.workspaceId
    prelude: loadTextContent('console-lines.kql')
  }
}

module storage '../modules/storage.bicep' = {
  name: 'storage'
  scope: group
  params: {
    name: 'st${token}'
    location: location
    tags: tags
    jobContainers: jobContainers
    encryptedKeysContainer: encryptedKeysContainer
    triggerQueues: storageInputs
    principalId: identity.outputs.principalId
    hasFunctionsHost: false
    jobRetentionDays: jobRetentionDays
    isZoneRedundant: isZoneRedundant
    isPrivate: isPrivate
  }
}

module keyVault '../modules/key-vault.bicep' = {
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

module endpoints '../modules/private-endpoints.bicep' = if (isPrivate) {
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

module serviceBus '../modules/service-bus.bicep' = if (hasServiceBus) {
  name: 'service-bus'
  scope: group
  params: {
    name: 'sb-${token}'
    location: location
    tags: tags
    principalId: identity.outputs.principalId
    inputQueues: busInputs
    outputQueues: busOutputs
    scalerPrincipalId: hasServiceBus ? scaler!.outputs.principalId : ''
    actionGroups: alerts.outputs.actionGroups
    isPrivate: isPrivate
  }
}

module registry '../modules/registry.bicep' = {
  name: 'registry'
  scope: group
  params: { name: 'cr${token}', location: location, tags: tags, principalId: identity.outputs.principalId }
}

module environment '../modules/container-environment.bicep' = {
  name: 'environment'
  scope: group
  params: {
    name: token
    location: location
    tags: tags
    workspaceId: monitoring.outputs.workspaceId
    subnetId: isPrivate ? network!.outputs.appSubnetId : ''
    gpuProfile: gpuProfile
  }
}

module alerts '../modules/alerts.bicep' = {
  name: 'alerts'
  scope: group
  params: {
    name: token
    location: location
    tags: tags
    workspaceId: monitoring.outputs.workspaceId
    email: alertEmail
    alerts: containerAlerts
  }
}

module keyEvents '../modules/key-events.bicep' = {
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

// azd keeps these in its environment, from which scoring.parameters.json and the hooks read them. None is a secret.
output AZURE_RESOURCE_GROUP string = group.name
output AZURE_RESOURCE_MANAGER string = az.environment().resourceManager
output AZURE_CONTAINER_REGISTRY_ENDPOINT string = registry.outputs.loginServer
output AZURE_CONTAINER_ENVIRONMENT_ID string = environment.outputs.id
output AZURE_IDENTITY_ID string = identity.outputs.id
output AZURE_IDENTITY_CLIENT_ID string = identity.outputs.clientId
output AZURE_KEY_VAULT_NAME string = keyVault.outputs.name
output AZURE_KEY_VAULT_URL string = keyVault.outputs.url
output AZURE_STORAGE_ACCOUNT_NAME string = storage.outputs.name
output AZURE_BLOB_ENDPOINT string = storage.outputs.blobEndpoint
output AZURE_QUEUE_ENDPOINT string = storage.outputs.queueEndpoint
output AZURE_SERVICE_BUS_HOST string = hasServiceBus ? serviceBus!.outputs.hostName : ''
output AZURE_SERVICE_BUS_NAMESPACE string = hasServiceBus ? serviceBus!.outputs.name : ''
output AZURE_SCALER_IDENTITY_ID string = hasServiceBus ? scaler!.outputs.id : ''
