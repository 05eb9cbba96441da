metadata description = 'The storage account: batch jobs, public keys of callers, what the Functions host keeps, and the package.'

param name string
param location string
param tags object
@description('Containers that jobs may read from and write to (SCORING_JOB_CONTAINERS).')
param jobContainers string[]
@description('Container of the public keys of callers who send encrypted features (SCORING_ENCRYPTED_KEYS).')
param encryptedKeysContainer string
@description('Container from which Flex Consumption takes the package; empty: none.')
param packageContainer string = ''
@description('Queues from which services take requests.')
param triggerQueues string[]
@description('Principal of the app\'s identity.')
param principalId string
@description('Whether the Functions host runs the app: it needs to own the blobs of its locks.')
param hasFunctionsHost bool
@description('Days after which jobs and what they wrote to the container jobs are deleted; 0: never.')
@minValue(0)
param jobRetentionDays int
@description('Keeps everything in three zones, in regions that have them.')
param isZoneRedundant bool
@description('Closes the account to the internet; private endpoints lead to it.')
param isPrivate bool

var roles = loadJsonContent('../roles.json')
var blobRole = hasFunctionsHost ? roles.storageBlobDataOwner : roles.storageBlobDataContributor
// The app makes these itself when it needs them; made here, the first job does not wait, and an operator sees them.
var containers = concat(jobContainers, ['jobs', encryptedKeysContainer], empty(packageContainer) ? [] : [packageContainer])
var jobQueues = ['scoring-jobs', 'scoring-job-split', 'scoring-job-chunk', 'scoring-job-finish']
var inputQueues = concat(jobQueues, triggerQueues)
// To these the host moves messages that failed too often. The app ends their jobs; those of triggers are for an operator.
var poisonQueues = map(inputQueues, each => '${each}-poison')

resource account 'Microsoft.Storage/storageAccounts@2026-04-01' = {
  name: name
  location: location
  tags: tags
  kind: 'StorageV2'
  // In three zones, a job outlives the loss of one.
  sku: { name: isZoneRedundant ? 'Standard_ZRS' : 'Standard_LRS' }
  properties: {
    accessTier: 'Hot'
    // Only Entra ID: there is no key that could leak, and each access has a name in the log.
    allowSharedKeyAccess: false
    defaultToOAuthAuthentication: true
    allowBlobPublicAccess: false
    // Otherwise an administrator of another tenant could copy the blobs out.
    allowCrossTenantReplication: false
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    publicNetworkAccess: isPrivate ? 'Disabled' : 'Enabled'
    networkAcls: {
      defaultAction: isPrivate ? 'Deny' : 'Allow'
      // For the service that watches a container for Event Grid.
      bypass: 'AzureServices'
    }
  }
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2026-04-01' = {
  parent: account
  name: 'default'
  properties: {
    // A result that was deleted by mistake can be brought back.
    deleteRetentionPolicy: { enabled: true, days: 7 }
    containerDeleteRetentionPolicy: { enabled: true, days: 7 }
  }
}

resource container 'Microsoft.Storage/storageAccounts/blobServices/containers@2026-04-01' = [
  for containerName in containers: {
    parent: blobs
    name: containerName
    properties: { publicAccess: 'None' }
  }
]

resource retention 'Microsoft.Storage/storageAccounts/managementPolicies@2026-04-01' = if (jobRetentionDays > 0) {
  parent: account
  name: 'default'
  properties: {
    policy: {
      rules: [
        {
          name: 'jobs'
          enabled: true
          type: 'Lifecycle'
          definition: {
            filters: { blobTypes: ['blockBlob'], prefixMatch: ['jobs/'] }
            actions: { baseBlob: { delete: { daysAfterModificationGreaterThan: jobRetentionDays } } }
          }
        }
      ]
    }
  }
}

resource queues 'Microsoft.Storage/storageAccounts/queueServices@2026-04-01' = {
  parent: account
  name: 'default'
}

resource queue 'Microsoft.Storage/storageAccounts/queueServices/queues@2026-04-01' = [
  for queueName in concat(inputQueues, poisonQueues): {
    parent: queues
    name: queueName
  }
]

// No role for tables: the Functions host would only keep diagnostic events there, which are in Application Insights as well.
resource blobAccess 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(account.id, principalId, blobRole)
  scope: account
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', blobRole)
  }
}

// Receives, deletes and sends: a step of a job enqueues the next one.
resource queueAccess 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(account.id, principalId, roles.storageQueueDataContributor)
  scope: account
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.storageQueueDataContributor)
  }
}

output id string = account.id
output name string = account.name
output blobEndpoint string = account.properties.primaryEndpoints.blob
output queueEndpoint string = account.properties.primaryEndpoints.queue
output jobQueues string[] = jobQueues
