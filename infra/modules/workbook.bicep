metadata description = 'The workbook that shows what operators ask (guide/observability.md).'

param location string
param tags object
param workspaceId string

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
    serializedData: replace(loadTextContent('../workbook/scoring.json'), '"azure monitor"', '"${workspaceId}"')
  }
}
