metadata description = 'A namespace of Service Bus with the queues that services name as triggers.'

param name string
param location string
param tags object
@description('Principal of the app\'s identity.')
param principalId string
@description('Queues from which requests come.')
param inputQueues string[]
@description('Queues to which answers go.')
param outputQueues string[]
@description('Principal that counts the messages of the input queues, for a scale rule; empty: the host does so itself.')
param scalerPrincipalId string
@description('Hear of dead letters; empty: the alert is only in the portal.')
param actionGroups string[]
@description('Closes the namespace to the internet, which needs the tier Premium; a private endpoint leads to it.')
param isPrivate bool

var roles = loadJsonContent('../roles.json')
var tier = isPrivate ? 'Premium' : 'Standard'

resource namespace 'Microsoft.ServiceBus/namespaces@2024-01-01' = {
  name: name
  location: location
  tags: tags
  sku: { name: tier, tier: tier }
  properties: {
    // Only Entra ID: there is no connection string that could leak.
    disableLocalAuth: true
    minimumTlsVersion: '1.2'
    publicNetworkAccess: isPrivate ? 'Disabled' : 'Enabled'
  }
}

resource queue 'Microsoft.ServiceBus/namespaces/queues@2024-01-01' = [
  for queueName in union(inputQueues, outputQueues): {
    parent: namespace
    name: queueName
    properties: {
      // The longest that Service Bus has. The host renews the lock while a message is scored.
      lockDuration: 'PT5M'
      // Then the message is in the dead-letter queue, where an operator sees it.
      maxDeliveryCount: 8
      deadLetteringOnMessageExpiration: true
      // An answer has the same id for each delivery of its request, and the last delivery is within the time below.
      requiresDuplicateDetection: contains(outputQueues, queueName)
      duplicateDetectionHistoryTimeWindow: 'PT1H'
      defaultMessageTimeToLive: 'P14D'
    }
  }
]

// The app cannot tell of these: after too many deliveries Service Bus moves a message by itself.
resource deadLetters 'Microsoft.Insights/metricAlerts@2018-03-01' = {
  name: 'dead-letters-${name}'
  // Alerts by metrics have no region.
  location: 'global'
  tags: tags
  properties: {
    description: 'A queue of Service Bus has dead letters: messages that can never be scored, failed too often, or expired. What to do: guide/operations.md'
    severity: 1
    enabled: true
    scopes: [namespace.id]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT15M'
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
      allOf: [
        {
          criterionType: 'StaticThresholdCriterion'
          name: 'dead-letters'
          metricNamespace: 'Microsoft.ServiceBus/namespaces'
          metricName: 'DeadletteredMessages'
          timeAggregation: 'Average'
          operator: 'GreaterThan'
          threshold: 0
          // An alert for each queue, which it names.
          dimensions: [{ name: 'EntityName', operator: 'Include', values: ['*'] }]
        }
      ]
    }
    // Ends when nothing is left in the dead letters.
    autoMitigate: true
    actions: [for group in actionGroups: { actionGroupId: group }]
  }
}

// For each queue alone: the app cannot read the answers that it sends, nor other queues of the namespace.
resource receiver 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for (queueName, index) in inputQueues: {
    name: guid(namespace.id, queueName, principalId, roles.serviceBusDataReceiver)
    scope: queue[index]
    properties: {
      principalId: principalId
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.serviceBusDataReceiver)
    }
  }
]

resource sender 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for queueName in outputQueues: {
    name: guid(namespace.id, queueName, principalId, roles.serviceBusDataSender)
    scope: queue[indexOf(union(inputQueues, outputQueues), queueName)]
    properties: {
      principalId: principalId
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.serviceBusDataSender)
    }
  }
]

// Counting needs the claim Manage, which only the owner has. The app itself cannot get a token of this identity.
resource scaler 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for (queueName, index) in (empty(scalerPrincipalId) ? [] : inputQueues): {
    name: guid(namespace.id, queueName, scalerPrincipalId, roles.serviceBusDataOwner)
    scope: queue[index]
    properties: {
      principalId: scalerPrincipalId
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.serviceBusDataOwner)
    }
  }
]

output id string = namespace.id
output name string = namespace.name
// `https://<name>.servicebus.windows.net:443/`, or another domain in other clouds.
output hostName string = split(split(namespace.properties.serviceBusEndpoint, '://')[1], ':443')[0]
