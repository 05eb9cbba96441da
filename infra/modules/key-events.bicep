metadata description = 'Events of the vault: an alert 30 days before a key expires.'

param name string
param location string
param tags object
param vaultId string
param actionGroups string[]

resource topic 'Microsoft.EventGrid/systemTopics@2025-02-15' = {
  name: 'egst-keys-${name}'
  location: location
  tags: tags
  properties: {
    source: vaultId
    topicType: 'Microsoft.KeyVault.vaults'
  }
}

// An alert rather than an event to the app, which cannot renew a key: callers have to be told first.
resource expiry 'Microsoft.EventGrid/systemTopics/eventSubscriptions@2025-02-15' = {
  parent: topic
  name: 'key-expires'
  properties: {
    destination: {
      endpointType: 'MonitorAlert'
      properties: {
        severity: 'Sev2'
        description: 'A key of a service expires soon, or has expired. Rotate it: guide/security.md'
        actionGroups: actionGroups
      }
    }
    // The only schema that alerts take.
    eventDeliverySchema: 'CloudEventSchemaV1_0'
    filter: {
      includedEventTypes: ['Microsoft.KeyVault.SecretNearExpiry', 'Microsoft.KeyVault.SecretExpired']
    }
  }
}
