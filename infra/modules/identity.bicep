metadata description = 'The identity of the app: it reads keys, uses the storage and sends telemetry, without any password.'

param name string
param location string
param tags object

// Assigned by the user, so that it has its roles before the app starts for the first time, and keeps them when the app is replaced.
resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: name
  location: location
  tags: tags
}

output id string = identity.id
output principalId string = identity.properties.principalId
output clientId string = identity.properties.clientId
