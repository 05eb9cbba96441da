import { asScoringError, type ErrorCode, statusOf } from '../../errors.ts'
import type { ScoringService } from '../../inference/scoring-service.ts'
import type { InferenceResult } from '../../scheduling/inference-result.ts'
import { attribute, spanAttribute } from '../../telemetry/metric-names.ts'
import type { Span, Tracing } from '../../telemetry/tracing.ts'
import { readRequestTrace } from '../http/request-span.ts'
import type { Http2Call } from './call.ts'
import type { ScoredMessages } from './method.ts'
import { findGrpcStatus, grpcStatus } from './status.ts'

/** Scores a message within a span (OpenTelemetry semantic conventions, "gRPC"); a stream has one for each of its messages. */
export async function traceCall(
  call: Http2Call,
  { protocol }: ScoredMessages,
  service: ScoringService,
  score: (span: Span | undefined) => Promise<InferenceResult>,
): Promise<InferenceResult> {
  if (!service.tracing) return score(undefined)
  const span = startSpan(service.tracing, call, service)
  span.set({ [attribute.protocol]: protocol })
  try {
    const result = await score(span)
    if (result.kind !== 'failure' && result.rowCount > 0) span.set({ [spanAttribute.rows]: result.rowCount })
    endSpan(span, result.kind === 'failure' ? result.code : undefined)
    return result
  } catch (failure) {
    endSpan(span, asScoringError(failure).code)
    throw failure
  }
}

function startSpan(tracing: Tracing, call: Http2Call, { name, version }: ScoringService): Span {
  const [, rpcService = '', rpcMethod = ''] = call.path.split('/')
  return tracing.start(`${rpcService}/${rpcMethod}`, {
    kind: 'server',
    parent: readRequestTrace(call.request),
    attributes: {
      [spanAttribute.rpcSystem]: 'grpc',
      [spanAttribute.rpcService]: rpcService,
      [spanAttribute.rpcMethod]: rpcMethod,
      [attribute.service]: name,
      [spanAttribute.requestId]: call.headers['x-request-id'] ?? '',
      ...(version !== undefined && { [spanAttribute.modelVersion]: version }),
    },
  })
}

function endSpan(span: Span, code: ErrorCode | undefined): void {
  span.set({
    [spanAttribute.rpcStatus]: code === undefined ? grpcStatus.OK : findGrpcStatus(code),
    ...(code !== undefined && { [attribute.errorType]: code }),
  })
  // The fault of a caller is none of the server. ("gRPC", Status)
  span.end(code !== undefined && statusOf[code] >= 500 ? code : undefined)
}
