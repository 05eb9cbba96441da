import type { InferenceRequest } from '../scheduling/inference-request.ts'
import type { InferenceResult } from '../scheduling/inference-result.ts'
import { attribute, spanAttribute } from '../telemetry/metric-names.ts'
import type { TraceContext } from '../telemetry/trace-context.ts'
import type { Span } from '../telemetry/tracing.ts'

interface Acceptance {
  readonly service: string
  /** When the request was queued, as `performance.now()`. */
  readonly acceptedAt: number
  /** What runs the service, where the result does not say. */
  readonly executionProvider: string
}

/** Submits a request, and adds to the span of its call how long it waited, and its run. A call without a span is not delayed by this. */
export function traceSubmission(
  request: InferenceRequest,
  span: Span | undefined,
  facts: Omit<Acceptance, 'acceptedAt'>,
  submit: (request: InferenceRequest) => Promise<InferenceResult>,
): Promise<InferenceResult> {
  return span?.isRecorded ? submitTraced(request, span, facts, submit) : submit(request)
}

async function submitTraced(
  request: InferenceRequest,
  span: Span,
  facts: Omit<Acceptance, 'acceptedAt'>,
  submit: (request: InferenceRequest) => Promise<InferenceResult>,
): Promise<InferenceResult> {
  const acceptedAt = performance.now()
  const result = await submit(withTraceContext(request, span.context))
  traceResult(span, result, { ...facts, acceptedAt })
  return result
}

/** Adds to the span of a call how long it waited, and its run. A failure says where it happened by its code alone. */
function traceResult(
  span: Span,
  result: InferenceResult,
  { service, acceptedAt, executionProvider }: Acceptance,
): void {
  if (result.kind === 'failure') return
  const { queueMs, batchMs, decodeMs, runMs, encodeMs, batchSize } = result.timings
  const dispatchedAt = acceptedAt + queueMs
  span.addPast('queue', { from: acceptedAt, to: dispatchedAt, attributes: { [attribute.service]: service } })
  span.addPast('run', {
    from: dispatchedAt,
    to: dispatchedAt + batchMs + decodeMs + runMs + encodeMs,
    attributes: {
      [attribute.service]: service,
      [attribute.executionProvider]: result.executionProvider ?? executionProvider,
      ...(result.rowCount > 0 && { [spanAttribute.rows]: result.rowCount }),
      ...(batchSize !== undefined && { [spanAttribute.batchSize]: batchSize }),
      [spanAttribute.decodeSeconds]: decodeMs / 1000,
      [spanAttribute.runSeconds]: runMs / 1000,
      [spanAttribute.encodeSeconds]: encodeMs / 1000,
    },
  })
}

type Headers = readonly (readonly [string, string])[]

/** A script that takes headers calls others with those of this trace: it gets the span of its call, not that of the caller. */
function withTraceContext(request: InferenceRequest, context: TraceContext): InferenceRequest {
  const { details } = request
  if (!details?.headers && !details?.http) return request
  const { headers, http } = details
  return {
    ...request,
    details: {
      ...details,
      ...(headers && { headers: replaceContext(headers, context) }),
      ...(http && { http: { ...http, headers: replaceContext(http.headers, context) } }),
    },
  }
}

function replaceContext(headers: Headers, { traceparent, tracestate }: TraceContext): Headers {
  const others = headers.filter(([name]) => !/^trace(parent|state)$/i.test(name))
  return [...others, ['traceparent', traceparent], ...(tracestate ? [['tracestate', tracestate] as const] : [])]
}
