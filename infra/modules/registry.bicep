metadata description = 'The registry of the image.'

param name string
param location string
param tags object
@description('Principal of the app\'s identity: pulls the image.')
param principalId string

var roles = loadJsonContent('../roles.json')

resource registry 'Microsoft.ContainerRegistry/registries@2025-04-01' = {
  name: name
  location: location
  tags: tags
  // Private endpoints would need Premium; images hold no secrets, and only identities with a role can pull them.
  sku: { name: 'Standard' }
  properties: {
    // A name and a password for all images.
    adminUserEnabled: false
    anonymousPullEnabled: false
  }
}

resource puller 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(registry.id, principalId, roles.acrPull)
  scope: registry
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.acrPull)
  }
}

output loginServer string = registry.properties.loginServer
