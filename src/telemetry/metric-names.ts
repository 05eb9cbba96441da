/**
 * Names every metric and attribute of the app, as OpenTelemetry does. The Prometheus names follow by OpenTelemetry's rule
 * (`prometheusName`), so dashboards work with either.
 */
import type { CounterSpec, GaugeSpec, HistogramSpec } from './metric.ts'

export const attribute = {
  service: 'scoring.service',
  /** Of a service that has several. */
  deployment: 'scoring.deployment',
  /** The protocol of a request, e.g. `azureml`. */
  protocol: 'scoring.protocol',
  /** Errors have the status of their code; a script may answer with any status. */
  status: 'http.response.status_code',
  /** Code of `errors.ts`; absent when there was no error. (OpenTelemetry semantic conventions, `error.type`) */
  errorType: 'error.type',
  reason: 'scoring.reason',
  threadState: 'scoring.thread.state',
  executionProvider: 'scoring.execution_provider',
} as const

/** Attributes of spans beside those. They may have many values; none is a key, a row or a query. */
export const spanAttribute = {
  modelVersion: 'scoring.model.version',
  rows: 'scoring.rows',
  /** Rows that ran together, of all requests; requests where there are no rows. */
  batchSize: 'scoring.batch.size',
  decodeSeconds: 'scoring.decode.duration',
  runSeconds: 'scoring.run.duration',
  encodeSeconds: 'scoring.encode.duration',
  /** As the caller knows the request: `x-request-id`. */
  requestId: 'scoring.request.id',
  /** FaaS spans. */
  coldStart: 'faas.coldstart',
  jobId: 'scoring.job.id',
  chunk: 'scoring.job.chunk',
  failedRows: 'scoring.job.rows.failed',
  runs: 'scoring.job.runs',
  /** How often the message of a step was received. */
  deliveryCount: 'messaging.message.delivery_count',
  // OpenTelemetry semantic conventions: HTTP spans, RPC spans, messaging spans.
  httpMethod: 'http.request.method',
  httpRoute: 'http.route',
  urlPath: 'url.path',
  urlScheme: 'url.scheme',
  rpcSystem: 'rpc.system',
  rpcService: 'rpc.service',
  rpcMethod: 'rpc.method',
  rpcStatus: 'rpc.grpc.status_code',
  messagingSystem: 'messaging.system',
  messagingDestination: 'messaging.destination.name',
  messagingOperation: 'messaging.operation.type',
} as const

/** Seconds, from the run time of a small model to the longest default timeout. */
const seconds = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
]
const rows = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096, 16_384, 65_536]
const requests = [1, 2, 4, 8, 16, 32, 64, 128, 256]

const histogram = (name: string, unit: string, bounds: readonly number[], help: string): HistogramSpec => ({
  kind: 'histogram',
  name,
  unit,
  bounds,
  help,
})
const counter = (name: string, unit: string, help: string): CounterSpec => ({ kind: 'counter', name, unit, help })
const gauge = (name: string, unit: string, help: string): GaugeSpec => ({ kind: 'gauge', name, unit, help })

export const metric = {
  requests: counter(
    'scoring.requests',
    '{request}',
    'Score requests that were answered, including refused ones, by protocol.',
  ),
  requestDuration: histogram(
    'scoring.request.duration',
    's',
    seconds,
    'Time from the headers of a score request to its answer, including the upload of the body.',
  ),
  queueWait: histogram(
    'scoring.queue.wait',
    's',
    seconds,
    'Time that a request waited in the queue until it was dispatched or dropped.',
  ),
  queueRejected: counter(
    'scoring.queue.rejected',
    '{request}',
    'Requests refused by admission, because the queue was full.',
  ),
  queueDropped: counter(
    'scoring.queue.dropped',
    '{request}',
    'Requests dropped before or between runs: past their deadline (expired), or closed by the caller (abandoned).',
  ),
  decodeDuration: histogram('scoring.decode.duration', 's', seconds, 'Time to decode the inputs of a request.'),
  runDuration: histogram(
    'scoring.run.duration',
    's',
    seconds,
    'Time of one successful call of run(), of the model or the entry script.',
  ),
  encodeDuration: histogram('scoring.encode.duration', 's', seconds, 'Time to encode the answer to a request.'),
  batchRequests: histogram('scoring.batch.requests', '{request}', requests, 'Requests per call of run().'),
  batchRows: histogram('scoring.batch.rows', '{row}', rows, 'Rows per call of run(), for inputs with rows.'),
  batchBisected: counter('scoring.batch.bisected', '{batch}', 'Batches whose run failed and was repeated in parts.'),
  threadRestarts: counter('scoring.thread.restarts', '{thread}', 'Workers that ended and were replaced.'),
  messagesRefused: counter(
    'scoring.messages.refused',
    '{message}',
    'Messages that can never be scored and went to a poison queue or the dead letters, and tries of such blobs.',
  ),
  retries: counter('scoring.retries', '{request}', 'Requests that were retried because their worker ended.'),
  publicKeysHeld: gauge(
    'scoring.public_keys.held',
    'By',
    'Memory of prepared public keys of callers who encrypt their features.',
  ),
  publicKeys: gauge('scoring.public_keys', '{client}', 'Callers whose prepared public keys are held.'),
  publicKeyLookups: counter(
    'scoring.public_keys.lookups',
    '{lookup}',
    'Public keys that requests needed: held in memory (hit), or looked up in the storage (miss).',
  ),
  publicKeyEvictions: counter(
    'scoring.public_keys.evictions',
    '{client}',
    'Prepared public keys that made room for those of other callers.',
  ),
  requestHeld: gauge('scoring.request.held', 'By', 'Bytes of bodies and answers held in memory.'),
  queueDepth: gauge('scoring.queue.depth', '{request}', 'Requests that wait for a worker.'),
  threads: gauge('scoring.threads', '{thread}', 'Workers by state.'),
  runsGivenUp: gauge(
    'scoring.runs.given_up',
    '{run}',
    'Runs that continue after their request has timed out, because native code cannot be stopped.',
  ),
  ready: gauge('scoring.service.ready', '', 'Whether the service can score (1) or not (0).'),
  loaded: gauge(
    'scoring.service.loaded',
    '',
    'Whether the service is loaded (1), or loads with its next request or cannot be loaded (0).',
  ),
  outdated: gauge(
    'scoring.service.outdated',
    '',
    'Whether the newest files of the service do not load, so that it is served as it was before (1), or not (0).',
  ),
  changes: counter(
    'scoring.service.changes',
    '{change}',
    'Changes of services while the app ran: served from then on (switched), or not, because they do not load (rejected).',
  ),
  unloads: counter(
    'scoring.service.unloads',
    '{unload}',
    'Services on demand that were unloaded because others were used later: too many (count), models too large (bytes), process near its memory limit (memory).',
  ),
  mirrored: counter(
    'scoring.mirror.answers',
    '{answer}',
    'Answers of a deployment to copies of requests, compared with what callers got: same, close, different, failed; dropped: too many copies, or too little memory.',
  ),
  jobEvents: counter(
    'scoring.job.events',
    '{attempt}',
    'Attempts to send the event of a batch job: delivered, failed (sent again later), given_up (the tenth has failed).',
  ),
  info: gauge('scoring.service.info', '', 'Always 1; the labels name the execution provider of the service.'),
} as const
