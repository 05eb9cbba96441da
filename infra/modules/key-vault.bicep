metadata description = 'The vault with the two keys of each service. hooks/create-keys.ts makes them; no template and no output holds one.'

param name string
param location string
param tags object
@description('Principal of the app\'s identity: reads the keys.')
param principalId string
@description('Object id of a person or group in Entra ID who reads and rotates keys; empty: nobody yet.')
param keyOperatorId string
@allowed(['User', 'Group'])
param keyOperatorType string
@description('Closes the vault to the internet; a private endpoint leads to it.')
param isPrivate bool
@description('Nobody, not even the owner, can delete the vault for good before 90 days. Off only for trials: it cannot be turned off later.')
param hasPurgeProtection bool
@description('Workspace that keeps who has read which key.')
param workspaceId string

var roles = loadJsonContent('../roles.json')

resource vault 'Microsoft.KeyVault/vaults@2026-02-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    tenantId: subscription().tenantId
    sku: { family: 'A', name: 'standard' }
    // Roles instead of access policies, which let a contributor of the vault give themselves the keys.
    enableRbacAuthorization: true
    enableSoftDelete: true
    softDeleteRetentionInDays: hasPurgeProtection ? 90 : 7
    // `false` is refused for a vault that has it.
    enablePurgeProtection: hasPurgeProtection ? true : null
    publicNetworkAccess: isPrivate ? 'Disabled' : 'Enabled'
    networkAcls: {
      defaultAction: isPrivate ? 'Deny' : 'Allow'
      bypass: 'AzureServices'
    }
  }
}

// Reads values of secrets, and nothing else.
resource appAccess 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(vault.id, principalId, roles.keyVaultSecretsUser)
  scope: vault
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.keyVaultSecretsUser)
  }
}

resource operatorAccess 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(keyOperatorId)) {
  name: guid(vault.id, keyOperatorId, roles.keyVaultSecretsOfficer)
  scope: vault
  properties: {
    principalId: keyOperatorId
    principalType: keyOperatorType
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.keyVaultSecretsOfficer)
  }
}

resource audit 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'audit'
  scope: vault
  properties: {
    workspaceId: workspaceId
    logs: [{ categoryGroup: 'audit', enabled: true }]
  }
}

output id string = vault.id
output name string = vault.name
output url string = vault.properties.vaultUri
