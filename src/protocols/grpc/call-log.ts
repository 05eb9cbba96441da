import { isServerFault, type ScoringError } from '../../errors.ts'
import type { LogLevel, RequestEntry } from '../../telemetry/log.ts'
import { traceId } from '../../telemetry/trace-context.ts'
import { readRequestTrace } from '../http/request-span.ts'
import { modelVersionHeader } from '../http/wire.ts'
import type { Http2Call } from './call.ts'
import type { CallOutcome } from './score.ts'

interface EndedCall {
  readonly path: string
  readonly outcome: CallOutcome
  readonly failure: ScoringError | undefined
  readonly ms: number
}

const maxPathLength = 300

/** Describes an ended call for the log, with the status that its failure has over HTTP: one list of codes serves all protocols. */
export function describeCall(call: Http2Call, { path, outcome, failure, ms }: EndedCall): RequestEntry {
  const trace = readRequestTrace(call.request)
  return {
    level: chooseLevel(path, failure),
    service: outcome.service?.name,
    modelVersion: call.headers[modelVersionHeader],
    requestId: call.headers['x-request-id'],
    method: call.request.method,
    path: path.length > maxPathLength ? `${path.slice(0, maxPathLength)}…` : path,
    status: failure?.status ?? 200,
    code: failure?.code,
    ms,
    rows: outcome.rows || undefined,
    invocationId: undefined,
    traceId: trace && traceId(trace),
  }
}

/** Health is polled, so its lines would hide the others. */
function chooseLevel(path: string, failure: ScoringError | undefined): LogLevel {
  if (/^\/grpc\.health\.|\/(Server|Model)(Live|Ready)$/.test(path)) return 'debug'
  if (!failure) return 'info'
  return isServerFault(failure.status) ? 'error' : 'warning'
}
