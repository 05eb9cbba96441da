metadata description = 'The environment of Azure Container Apps.'

param name string
param location string
param tags object
param workspaceId string
@description('Subnet of the environment; empty: the internet.')
param subnetId string
@description('Profile with a GPU, e.g. Consumption-GPU-NC8as-T4 or Consumption-GPU-NC24-A100; empty: none. Needs quota.')
param gpuProfile string

var consumption = { name: 'Consumption', workloadProfileType: 'Consumption' }
var gpu = { name: 'gpu', workloadProfileType: gpuProfile }

resource environment 'Microsoft.App/managedEnvironments@2026-01-01' = {
  name: 'cae-${name}'
  location: location
  tags: tags
  properties: {
    // To the workspace by the diagnostic setting below: `log-analytics` would need the workspace's shared key.
    appLogsConfiguration: { destination: 'azure-monitor' }
    workloadProfiles: empty(gpuProfile) ? [consumption] : [consumption, gpu]
    vnetConfiguration: empty(subnetId) ? null : { infrastructureSubnetId: subnetId, internal: false }
    // Between the ingress and the app, too, on the network of the environment.
    peerTrafficConfiguration: { encryption: { enabled: true } }
  }
}

resource logs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'logs'
  scope: environment
  properties: {
    workspaceId: workspaceId
    logs: [
      { category: 'ContainerAppConsoleLogs', enabled: true }
      { category: 'ContainerAppSystemLogs', enabled: true }
    ]
  }
}

output id string = environment.id
