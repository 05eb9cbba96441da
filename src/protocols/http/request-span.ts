import type { ScoringService } from '../../inference/scoring-service.ts'
import { attribute, spanAttribute } from '../../telemetry/metric-names.ts'
import type { Protocol } from '../../telemetry/service-metrics.ts'
import { readTraceContext, type TraceContext } from '../../telemetry/trace-context.ts'
import type { Span, SpanStart } from '../../telemetry/tracing.ts'
import type { RequestOrigin, WireRequest, WireResponse } from './wire.ts'

/** The trace that a request belongs to: that of the host, which has continued the caller's; else the caller's. */
export function readRequestTrace({
  hostTrace,
  headers,
}: Pick<WireRequest, 'hostTrace'> & Pick<RequestOrigin, 'headers'>): TraceContext | undefined {
  if (hostTrace) return readTraceContext(hostTrace.traceParent, hostTrace.traceState)
  return readTraceContext(headers.get('traceparent'), headers.get('tracestate'))
}

interface SpanOrigin {
  /** For requests that are scored. */
  readonly protocol?: Protocol
  /** When its headers arrived, as `performance.now()`. */
  readonly startedAt: number
}

/**
 * Begins the span of a request (OpenTelemetry semantic conventions, "HTTP Server"). Azure's host has one of its own for each
 * request, so that this one is a part of it there.
 */
export function startRequestSpan(
  service: ScoringService,
  request: WireRequest,
  { protocol, startedAt }: SpanOrigin,
): Span | undefined {
  const { tracing, name, version } = service
  if (!tracing) return undefined
  const { method } = request
  const url = URL.parse(request.url)
  const route = asRoute(url?.pathname ?? '', name)
  const start: SpanStart = {
    kind: request.hostTrace ? 'internal' : 'server',
    parent: readRequestTrace(request),
    startedAt,
    attributes: {
      [spanAttribute.httpMethod]: method,
      [spanAttribute.httpRoute]: route,
      [spanAttribute.urlPath]: url?.pathname ?? '',
      [spanAttribute.urlScheme]: url?.protocol.slice(0, -1) ?? 'http',
      [attribute.service]: name,
      ...(version !== undefined && { [spanAttribute.modelVersion]: version }),
      ...(protocol && { [attribute.protocol]: protocol }),
    },
  }
  return tracing.start(`${method} ${route}`, start)
}

/** Ends it with what was answered. */
export function endRequestSpan(
  span: Span,
  { status, errorCode, scored }: Pick<WireResponse, 'status' | 'errorCode' | 'scored'>,
  requestId: string | undefined,
): void {
  span.set({
    [attribute.status]: status,
    ...(requestId !== undefined && { [spanAttribute.requestId]: requestId }),
    ...(scored?.rows && { [spanAttribute.rows]: scored.rows }),
    ...(errorCode && { [attribute.errorType]: errorCode }),
  })
  // The fault of a caller is none of the server. ("HTTP Server", Status)
  span.end(status >= 500 ? (errorCode ?? String(status)) : undefined)
}

/** The path as a route: with the name of the service left out, all of one kind are the same. */
function asRoute(path: string, service: string): string {
  return path
    .split('/')
    .map(segment => (segment === service ? '{service}' : segment))
    .join('/')
}
