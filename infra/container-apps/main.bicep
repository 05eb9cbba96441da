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

var tags = { 'azd-env-name': environmentName }
var token = toLower(uniqueString(subscription().id, environmentName, location))
var jobContainers = ['input', 'output']
var encryptedKeysContainer = 'encrypted-keys'

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
    principalId: identity.outputs.principalId
    hasFunctionsHost: false
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
    serviceBusId: ''
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
