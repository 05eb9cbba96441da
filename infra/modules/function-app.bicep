metadata description = 'The function app in the plan Flex Consumption.'

param name string
param location string
param tags object
@description('Name of the service in azure.yaml, by which azd finds the app.')
param serviceName string
param identityId string
param identityClientId string
@description('URL of the blob service, with a slash at its end.')
param blobEndpoint string
param queueEndpoint string
param packageContainer string
param jobContainers string[]
param encryptedKeysContainer string
param vaultUrl string
param insightsConnectionString string
@description('Subnet that the app sends from; empty: the internet.')
param subnetId string
@description('Instances in several zones.')
param isZoneRedundant bool
@allowed([512, 2048, 4096])
param instanceMemoryMB int
@minValue(1)
@maxValue(1000)
param maximumInstanceCount int
@minValue(0)
param alwaysReadyInstances int
@description('Requests that an instance takes at once, for each thread that scores. More wait for a new instance.')
@minValue(1)
param requestsPerThread int
@description('Whether a deployment replaces instances in groups, or all of them at once. Rolling updates are a preview of Azure (2025).')
param hasRollingUpdates bool
@description('Further settings of guide/settings.md, e.g. SCORING_METRICS.')
param moreSettings object

// An instance has a processor for each 2 GB. On two, two workers score while the main thread only moves bytes.
var threads = instanceMemoryMB == 4096 ? 2 : 1

// In no published type of Bicep yet. Without it, all instances are restarted at once.
var updates = hasRollingUpdates ? { siteUpdateStrategy: { type: 'RollingUpdate' } } : {}

resource plan 'Microsoft.Web/serverfarms@2025-03-01' = {
  name: 'plan-${name}'
  location: location
  tags: tags
  kind: 'functionapp'
  sku: { name: 'FC1', tier: 'FlexConsumption' }
  properties: {
    // Linux.
    reserved: true
    zoneRedundant: isZoneRedundant
  }
}

resource app 'Microsoft.Web/sites@2025-03-01' = {
  name: 'func-${name}'
  location: location
  tags: union(tags, { 'azd-service-name': serviceName })
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${identityId}': {} }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    // Callers come from the internet, with a key or a token. The storage and the vault are what a network closes.
    publicNetworkAccess: 'Enabled'
    // Each request may go to any instance.
    clientAffinityEnabled: false
    virtualNetworkSubnetId: empty(subnetId) ? null : subnetId
    functionAppConfig: union(updates, {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: '${blobEndpoint}${packageContainer}'
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identityId
          }
        }
      }
      // The Node.js that the app is developed and tested on.
      runtime: { name: 'node', version: '24' }
      scaleAndConcurrency: {
        // Functions of queues scale apart from HTTP, on instances of their own, which these do not limit.
        alwaysReady: alwaysReadyInstances == 0 ? [] : [{ name: 'http', instanceCount: alwaysReadyInstances }]
        maximumInstanceCount: maximumInstanceCount
        instanceMemoryMB: instanceMemoryMB
        triggers: { http: { perInstanceConcurrency: threads * requestsPerThread } }
      }
    })
    siteConfig: {
      minTlsVersion: '1.2'
      scmMinTlsVersion: '1.2'
      ftpsState: 'Disabled'
      http20Enabled: true
    }
  }

  // Not with a password: azd and workflows sign in with Entra ID.
  resource ftp 'basicPublishingCredentialsPolicies' = {
    name: 'ftp'
    properties: { allow: false }
  }

  resource scm 'basicPublishingCredentialsPolicies' = {
    name: 'scm'
    properties: { allow: false }
  }

  resource settings 'config' = {
    name: 'appsettings'
    properties: union(
      {
        // The Functions host and the app use the same account, by the same identity. All three parts are needed for an identity
        // that is assigned by the user.
        AzureWebJobsStorage__blobServiceUri: blobEndpoint
        AzureWebJobsStorage__queueServiceUri: queueEndpoint
        AzureWebJobsStorage__credential: 'managedidentity'
        AzureWebJobsStorage__clientId: identityClientId
        APPLICATIONINSIGHTS_CONNECTION_STRING: insightsConnectionString
        APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identityClientId};Authorization=AAD'
        KEY_VAULT_URL: vaultUrl
        AZURE_CLIENT_ID: identityClientId
        // The issuer of tokens in this cloud.
        AZURE_AUTHORITY_HOST: environment().authentication.loginEndpoint
        SCORING_MAX_THREADS: string(threads)
        // Without Azure's front end, which the app counts by itself. With Front Door or a gateway before the app: 1.
        SCORING_TRUSTED_PROXIES: '0'
        SCORING_JOB_CONTAINERS: join(jobContainers, ',')
        SCORING_ENCRYPTED_KEYS: encryptedKeysContainer
        // One line for each request, with the id by which Application Insights finds the rest.
        SCORING_LOG: 'json'
      },
      moreSettings
    )
  }
}

output id string = app.id
output name string = app.name
output url string = 'https://${app.properties.defaultHostName}'
