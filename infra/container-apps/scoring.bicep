metadata description = 'The container app: azd deploys this with each image.'

@minLength(1)
param environmentId string
@minLength(1)
@description('Image that azd has built.')
param image string
@minLength(1)
param registry string
param identityId string
param identityClientId string
param vaultUrl string
param blobEndpoint string
param queueEndpoint string
param storageAccountName string
@description('Host of the namespace of Service Bus; empty: there is none.')
param serviceBusHost string
param serviceBusNamespace string
@description('Identity that counts messages of Service Bus; empty: there is none.')
param scalerIdentityId string
@description('Queues of Service Bus from which services take requests, with commas.')
param serviceBusInputQueues string
@description('Queues of the storage account from which services take requests, with commas.')
param storageInputQueues string

@description('Whether the app runs on the GPU profile of the environment.')
param hasGpu bool

@description('Processors. With a GPU, those of its profile: 8 for a T4, 24 for an A100.')
@minValue(1)
param cpu int

@description('Memory, e.g. 4Gi: on the profile Consumption two for each processor. With a GPU, that of its profile: 56Gi, 220Gi.')
param memory string

@description('Instances that run all the time. With 0, the first request after a pause waits for a start, and the next sweep of jobs, too.')
@minValue(0)
param minReplicas int

@minValue(1)
@maxValue(1000)
param maxReplicas int

@description('Requests at once, for each processor, beyond which an instance is added.')
@minValue(1)
param requestsPerThread int = 8

@description('Further settings of guide/settings.md, e.g. [{ name: \'SCORING_METRICS\', value: \'on\' }].')
param moreSettings { name: string, value: string }[] = []

var port = 8080
var queues = ['scoring-jobs', 'scoring-job-split', 'scoring-job-chunk', 'scoring-job-finish']
// As many as an instance takes at once (host.json: batchSize + newBatchThreshold).
var messagesPerReplica = 3
var busInputs = filter(map(split(serviceBusInputQueues, ','), each => trim(each)), each => !empty(each))
var storageInputs = filter(map(split(storageInputQueues, ','), each => trim(each)), each => !empty(each))
var queueRules = [
  for queue in concat(queues, storageInputs): {
    name: queue
    azureQueue: {
      accountName: storageAccountName
      queueName: queue
      queueLength: messagesPerReplica
      // Counts messages as the app itself, without a connection string.
      identity: identityId
    }
  }
]

// Those that run count as well, and an instance runs this many (host.json: maxConcurrentCalls).
var busMessagesPerReplica = 64
var busRules = [
  for (queue, index) in busInputs: {
    name: 'bus-${index}'
    custom: {
      type: 'azure-servicebus'
      metadata: {
        queueName: queue
        namespace: serviceBusNamespace
        messageCount: string(busMessagesPerReplica)
      }
      identity: scalerIdentityId
    }
  }
]

resource app 'Microsoft.App/containerApps@2026-01-01' = {
  name: 'ca-scoring'
  location: resourceGroup().location
  tags: { 'azd-service-name': 'scoring' }
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: union({ '${identityId}': {} }, empty(scalerIdentityId) ? {} : { '${scalerIdentityId}': {} })
  }
  properties: {
    environmentId: environmentId
    workloadProfileName: hasGpu ? 'gpu' : 'Consumption'
    configuration: {
      // The next revision takes over when it is ready, and the previous one completes what it has begun.
      activeRevisionsMode: 'Single'
      maxInactiveRevisions: 5
      // Only the scale rules get tokens of it: it could read and change the queues.
      identitySettings: empty(scalerIdentityId) ? [] : [{ identity: scalerIdentityId, lifecycle: 'None' }]
      registries: [{ server: registry, identity: identityId }]
      ingress: {
        external: true
        targetPort: port
        // With `auto` the app would be spoken to in HTTP/1.1, and gRPC fails. The app speaks both on its port.
        transport: 'http2'
        // Redirects to HTTPS, which is TLS 1.2 or later.
        allowInsecure: false
        traffic: [{ latestRevision: true, weight: 100 }]
      }
    }
    template: {
      // For what is under way when an instance ends: the app takes up to 30 s.
      terminationGracePeriodSeconds: 60
      containers: [
        {
          name: 'scoring'
          image: image
          resources: { cpu: cpu, memory: memory }
          env: concat(
            [
              { name: 'AzureWebJobsStorage__blobServiceUri', value: blobEndpoint }
              { name: 'AzureWebJobsStorage__queueServiceUri', value: queueEndpoint }
              { name: 'AzureWebJobsStorage__credential', value: 'managedidentity' }
              { name: 'AzureWebJobsStorage__clientId', value: identityClientId }
              { name: 'KEY_VAULT_URL', value: vaultUrl }
              { name: 'AZURE_CLIENT_ID', value: identityClientId }
              { name: 'AZURE_AUTHORITY_HOST', value: environment().authentication.loginEndpoint }
              { name: 'SCORING_MAX_THREADS', value: string(cpu) }
              // The ingress, which appends the address of the client.
              { name: 'SCORING_TRUSTED_PROXIES', value: '1' }
            ],
            empty(serviceBusHost)
              ? []
              : [
                  { name: 'AzureWebJobsServiceBus__fullyQualifiedNamespace', value: serviceBusHost }
                  { name: 'AzureWebJobsServiceBus__credential', value: 'managedidentity' }
                  { name: 'AzureWebJobsServiceBus__clientId', value: identityClientId }
                ],
            moreSettings
          )
          probes: [
            // Until the host listens; then the others begin. Models load behind it.
            { type: 'Startup', httpGet: { path: '/health/live', port: port }, periodSeconds: 2, failureThreshold: 60 }
            // Only a process that hangs is ended: a service that cannot load does not take the others with it.
            { type: 'Liveness', httpGet: { path: '/health/live', port: port }, periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 6 }
            { type: 'Readiness', httpGet: { path: '/health/ready', port: port }, periodSeconds: 5, timeoutSeconds: 5, failureThreshold: 3 }
          ]
          volumeMounts: [{ volumeName: 'tmp', mountPath: '/tmp' }]
        }
      ]
      volumes: [{ name: 'tmp', storageType: 'EmptyDir' }]
      scale: {
        minReplicas: minReplicas
        maxReplicas: maxReplicas
        rules: concat(
          [{ name: 'requests', http: { metadata: { concurrentRequests: string(cpu * requestsPerThread) } } }],
          queueRules,
          busRules
        )
      }
    }
  }
}

output SERVICE_SCORING_URL string = 'https://${app.properties.configuration.ingress.fqdn}'
