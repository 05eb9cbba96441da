/** The port to what records traces. Where nothing does, there is no `Tracing`, and so no cost. */
import type { TraceContext } from './trace-context.ts'

/** Never a key, a row or other content of a request. */
export type SpanAttributes = Readonly<Record<string, string | number | boolean>>

/** `server`: a request of a caller; `consumer`: a message; `internal`: work within either. (OpenTelemetry, SpanKind) */
export type SpanKind = 'server' | 'consumer' | 'internal'

export interface SpanStart {
  readonly kind: SpanKind
  /** The span that this one is part of, elsewhere; absent: it begins a trace. */
  readonly parent?: TraceContext | undefined
  /** Spans that led to this one, and have ended since. */
  readonly links?: readonly TraceContext[]
  /** As `performance.now()`; absent: now. */
  readonly startedAt?: number
  readonly attributes?: SpanAttributes
}

/** Work that is over already. */
export interface PastSpan {
  /** As `performance.now()`. */
  readonly from: number
  readonly to: number
  readonly attributes?: SpanAttributes
}

/** One piece of work in a trace. */
export interface Span {
  /** For what follows from it, in this process or another. */
  readonly context: TraceContext
  /** Whether it is sampled; otherwise nothing of it is kept. */
  readonly isRecorded: boolean
  set(attributes: SpanAttributes): void
  /** Adds a part of it that has ended. */
  addPast(name: string, part: PastSpan): void
  /** @param error  why it failed: a code of `errors.ts`, or the name of what was thrown; absent: it did not */
  end(error?: string): void
}

export interface Tracing {
  start(name: string, start: SpanStart): Span
}
