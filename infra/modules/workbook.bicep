metadata description = 'The workbook that shows what operators ask (guide/observability.md).'

param location string
param tags object
param workspaceId string
@description('Comes before each query: what it reads in another table than Application Insights. Empty: nothing.')
param prelude string = ''

// As it stands within a text of JSON.
var escapedPrelude = replace(replace(prelude, '"', '\\"'), '\n', '\\n')

resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  // The name of a workbook must be a GUID.
  name: guid(workspaceId, 'scoring')
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    displayName: 'Scoring services'
    category: 'workbook'
    sourceId: workspaceId
    // Its queries run in the workspace, which only the deployment knows.
    serializedData: replace(
      replace(loadTextContent('../workbook/scoring.json'), '"query": "', '"query": "${escapedPrelude}'),
      '"azure monitor"',
      '"${workspaceId}"'
    )
  }
}
