metadata description = 'Private endpoints of what the app uses.'

param name string
param location string
param tags object
param networkId string
param subnetId string
param storageId string
param vaultId string
@description('Empty: there is none.')
param serviceBusId string

var storageAndVault = [
  { groupId: 'blob', targetId: storageId, zoneName: 'privatelink.blob.${environment().suffixes.storage}' }
  { groupId: 'queue', targetId: storageId, zoneName: 'privatelink.queue.${environment().suffixes.storage}' }
  {
    groupId: 'vault'
    targetId: vaultId
    // The suffix is `.vault.azure.net`, or another one in other clouds; the zone has its name with "core".
    zoneName: replace('privatelink${environment().suffixes.keyvaultDns}', '.vault.', '.vaultcore.')
  }
]
var targets = concat(
  storageAndVault,
  empty(serviceBusId)
    ? []
    : [{ groupId: 'namespace', targetId: serviceBusId, zoneName: 'privatelink.servicebus.windows.net' }]
)

module endpoint 'private-endpoint.bicep' = [
  for target in targets: {
    name: 'endpoint-${target.groupId}'
    params: {
      name: name
      location: location
      tags: tags
      networkId: networkId
      subnetId: subnetId
      targetId: target.targetId
      groupId: target.groupId
      zoneName: target.zoneName
    }
  }
]
