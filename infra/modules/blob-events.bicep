metadata description = 'Events of the storage account, for blob triggers whose source is Event Grid. hooks/subscribe-events.ts subscribes them.'

param name string
param location string
param tags object
param storageId string

resource topic 'Microsoft.EventGrid/systemTopics@2025-02-15' = {
  name: 'egst-blobs-${name}'
  location: location
  tags: tags
  properties: {
    source: storageId
    topicType: 'Microsoft.Storage.StorageAccounts'
  }
}

output topicName string = topic.name
