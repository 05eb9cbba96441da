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
      defaultMessageTimeToLive: 'P14D'
    }
  }
]

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

output id string = namespace.id
// `https://<name>.servicebus.windows.net:443/`, or another domain in other clouds.
output hostName string = split(split(namespace.properties.serviceBusEndpoint, '://')[1], ':443')[0]
