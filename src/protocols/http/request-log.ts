import { isServerFault } from '../../errors.ts'
import type { LogLevel, RequestEntry } from '../../telemetry/log.ts'
import { traceId } from '../../telemetry/trace-context.ts'
import { readRequestTrace } from './request-span.ts'
import { modelVersionHeader, type WireRequest, type WireResponse } from './wire.ts'

const maxIdLength = 100
const maxPathLength = 300

/**
 * Describes an answered request for the log: nothing of its query, headers and body but the id, because they may be secret.
 *
 * @param response  undefined: the handler threw
 */
export function describeRequest(
  request: WireRequest,
  response: WireResponse | undefined,
  { ms, invocationId }: { ms: number; invocationId: string },
): RequestEntry {
  const path = URL.parse(request.url)?.pathname ?? ''
  const status = response?.status ?? 500
  const trace = readRequestTrace(request)
  return {
    level: chooseLevel(path, status),
    service: response?.scored?.service,
    modelVersion: findHeader(response, modelVersionHeader),
    requestId:
      shortened(request.headers.get('x-request-id') ?? findHeader(response, 'x-request-id') ?? '', maxIdLength) ||
      undefined,
    method: request.method,
    path: shortened(path, maxPathLength),
    status,
    code: response?.errorCode,
    ms,
    rows: response?.scored?.rows || undefined,
    invocationId,
    traceId: trace && traceId(trace),
  }
}

/** Health pages and metrics are polled, so their lines would hide the others. */
function chooseLevel(path: string, status: number): LogLevel {
  if (/^\/(health\/\w+|metrics)?$/.test(path)) return 'debug'
  if (isServerFault(status)) return 'error'
  return status >= 400 ? 'warning' : 'info'
}

function findHeader(response: WireResponse | undefined, name: string): string | undefined {
  const headers = response?.headers
  return Array.isArray(headers) ? headers.find(([each]) => each === name)?.[1] : headers?.[name]
}

function shortened(text: string, maxLength: number): string {
  return text.length > maxLength ? `${text.slice(0, maxLength)}…` : text
}
