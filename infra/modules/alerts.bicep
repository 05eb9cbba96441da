metadata description = 'Alerts by queries over the logs, and who hears of them.'

type logAlert = {
  name: string
  description: string
  @description('0 critical, 1 error, 2 warning, 3 information')
  severity: int
  @description('Rows of the answer are reasons for the alert.')
  query: string
}

param name string
param location string
param tags object
param workspaceId string
@description('Receives mail; empty: alerts are only in the portal.')
param email string
param alerts logAlert[]

resource people 'Microsoft.Insights/actionGroups@2023-01-01' = if (!empty(email)) {
  name: 'ag-${name}'
  location: 'global'
  tags: tags
  properties: {
    enabled: true
    groupShortName: 'scoring'
    emailReceivers: [{ name: 'operators', emailAddress: email, useCommonAlertSchema: true }]
  }
}

var actionGroups = empty(email) ? [] : [people.id]

resource rule 'Microsoft.Insights/scheduledQueryRules@2022-06-15' = [
  for alert in alerts: {
    name: '${alert.name}-${name}'
    location: location
    tags: tags
    kind: 'LogAlert'
    properties: {
      displayName: alert.name
      description: alert.description
      severity: alert.severity
      enabled: true
      scopes: [workspaceId]
      evaluationFrequency: 'PT5M'
      windowSize: 'PT15M'
      criteria: {
        allOf: [
          {
            query: alert.query
            timeAggregation: 'Count'
            operator: 'GreaterThan'
            threshold: 0
            failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1 }
          }
        ]
      }
      // Ends by itself when the cause is gone.
      autoMitigate: true
      actions: { actionGroups: actionGroups }
      // In a new workspace the tables only come with the first rows.
      skipQueryValidation: true
    }
  }
]

output actionGroups string[] = actionGroups
