import {
  type Span as ApiSpan,
  type Context,
  createTraceState,
  type Link,
  ROOT_CONTEXT,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api'
import { attribute } from '../../telemetry/metric-names.ts'
import type { TraceContext } from '../../telemetry/trace-context.ts'
import type { PastSpan, Span, SpanAttributes, SpanStart, Tracing } from '../../telemetry/tracing.ts'

const kinds = { server: SpanKind.SERVER, consumer: SpanKind.CONSUMER, internal: SpanKind.INTERNAL } as const

/** Records spans with the tracer provider of the process. */
export class SpanRecorder implements Tracing {
  readonly #tracer: Tracer

  constructor(tracer: Tracer) {
    this.#tracer = tracer
  }

  start(name: string, { kind, parent, links = [], startedAt, attributes }: SpanStart): Span {
    const context = parent ? trace.setSpanContext(ROOT_CONTEXT, toSpanContext(parent)) : ROOT_CONTEXT
    const options = {
      kind: kinds[kind],
      links: links.map((link): Link => ({ context: toSpanContext(link) })),
      ...(startedAt !== undefined && { startTime: toDate(startedAt) }),
      ...(attributes && { attributes }),
    }
    return new RecordedSpan(this.#tracer, this.#tracer.startSpan(name, options, context))
  }
}

class RecordedSpan implements Span {
  readonly #tracer: Tracer
  readonly #span: ApiSpan

  constructor(tracer: Tracer, span: ApiSpan) {
    this.#tracer = tracer
    this.#span = span
  }

  get context(): TraceContext {
    const { traceId, spanId, traceFlags, traceState } = this.#span.spanContext()
    const state = traceState?.serialize()
    const flags = traceFlags.toString(16).padStart(2, '0')
    return { traceparent: `00-${traceId}-${spanId}-${flags}`, ...(state && { tracestate: state }) }
  }

  get isRecorded(): boolean {
    return this.#span.isRecording()
  }

  set(attributes: SpanAttributes): void {
    this.#span.setAttributes(attributes)
  }

  addPast(name: string, { from, to, attributes }: PastSpan): void {
    if (!this.#span.isRecording()) return
    const within: Context = trace.setSpan(ROOT_CONTEXT, this.#span)
    const options = { startTime: toDate(from), ...(attributes && { attributes }) }
    this.#tracer.startSpan(name, options, within).end(toDate(to))
  }

  end(error?: string): void {
    if (error !== undefined) {
      this.#span.setAttribute(attribute.errorType, error)
      this.#span.setStatus({ code: SpanStatusCode.ERROR })
    }
    this.#span.end()
  }
}

function toSpanContext({ traceparent, tracestate }: TraceContext): SpanContext {
  const [, traceId = '', spanId = '', flags = ''] = traceparent.split('-')
  return {
    traceId,
    spanId,
    traceFlags: Number.parseInt(flags, 16) & 1,
    isRemote: true,
    ...(tracestate !== undefined && { traceState: createTraceState(tracestate) }),
  }
}

/** @param time  as `performance.now()`; the API takes milliseconds since 1970, with fractions */
function toDate(time: number): number {
  return performance.timeOrigin + time
}
