/**
 * Every metric and attribute of the app, by its OpenTelemetry name. The Prometheus names follow from these by
 * OpenTelemetry's rule (`prometheusName`), so that a dashboard does not care which way its numbers came.
 */
import type { CounterSpec, GaugeSpec, HistogramSpec } from './metric.ts'

export const attribute = {
  service: 'scoring.service',
  /** A script's own answer may have any status; errors have the one of their code. */
  status: 'http.response.status_code',
  /** Code of `errors.ts`; absent where there was no error. (OpenTelemetry semantic conventions, `error.type`) */
  errorType: 'error.type',
  reason: 'scoring.reason',
  threadState: 'scoring.thread.state',
  executionProvider: 'scoring.execution_provider',
} as const

/** Seconds: from a tenth of a millisecond, which a small model takes, to the longest default timeout. */
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
  requests: counter('scoring.requests', '{request}', 'Score requests over HTTP that were answered, refused ones too.'),
  requestDuration: histogram(
    'scoring.request.duration',
    's',
    seconds,
    'From the head of a score request to its answer; a body that comes slowly counts.',
  ),
  queueWait: histogram(
    'scoring.queue.wait',
    's',
    seconds,
    'From the acceptance of a request until a thread got it, or until it was dropped.',
  ),
  queueRejected: counter('scoring.queue.rejected', '{request}', 'Requests refused at once, because of what waited.'),
  queueDropped: counter(
    'scoring.queue.dropped',
    '{request}',
    'Requests not begun, or not ended where they run in slices: their time was up (expired), or the caller had left (abandoned).',
  ),
  decodeDuration: histogram(
    'scoring.decode.duration',
    's',
    seconds,
    'Reading the inputs out of the body of a request.',
  ),
  runDuration: histogram(
    'scoring.run.duration',
    's',
    seconds,
    'One call of run() that gave an answer: the model, or the entry script.',
  ),
  encodeDuration: histogram('scoring.encode.duration', 's', seconds, 'Writing the answer to a request.'),
  batchRequests: histogram('scoring.batch.requests', '{request}', requests, 'Requests that shared one call of run().'),
  batchRows: histogram('scoring.batch.rows', '{row}', rows, 'Rows in one call of run(), where inputs have rows.'),
  batchBisected: counter('scoring.batch.bisected', '{batch}', 'Batches whose run failed and that were run in parts.'),
  threadRestarts: counter('scoring.thread.restarts', '{thread}', 'Scoring threads that ended and were replaced.'),
  retries: counter('scoring.retries', '{request}', 'Requests that were run again because their thread ended.'),
  requestHeld: gauge('scoring.request.held', 'By', 'Bodies and answers that requests hold in memory.'),
  queueDepth: gauge('scoring.queue.depth', '{request}', 'Requests that wait for a thread.'),
  threads: gauge('scoring.threads', '{thread}', 'Scoring threads by what they do.'),
  runsGivenUp: gauge(
    'scoring.runs.given_up',
    '{run}',
    'Runs that go on after their request has got its error: native code cannot be stopped.',
  ),
  ready: gauge('scoring.service.ready', '', 'Whether the service can score (1) or not (0).'),
  info: gauge('scoring.service.info', '', 'Always 1; the labels tell what runs the service.'),
} as const
