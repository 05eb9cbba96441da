/** A place in a trace, as it crosses processes (W3C Trace Context). */
export interface TraceContext {
  /** Ids of the trace and of a span, and whether it is recorded: `00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01`. */
  readonly traceparent: string
  /** What tracing systems on the way have added. */
  readonly tracestate?: string
}

const traceparentPattern = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?=$|-)/
/** Shortest limit that systems have to keep to (section 3.3.1.5). */
const maxStateLength = 512

/**
 * Reads what a caller sends. A trace context that is malformed counts as absent, as the specification says (section 4.3).
 *
 * @param traceparent  of a later version, whose form begins like this one's, too
 * @param tracestate   is dropped where it is longer than all systems take
 */
export function readTraceContext(
  traceparent: string | null | undefined,
  tracestate: string | null | undefined,
): TraceContext | undefined {
  const trimmed = traceparent?.trim() ?? ''
  const [read] = traceparentPattern.exec(trimmed) ?? []
  if (read === undefined || (read !== trimmed && trimmed.startsWith('00-'))) return undefined
  const isKept = tracestate && tracestate.length <= maxStateLength
  return { traceparent: `00${read.slice(2)}`, ...(isKept && { tracestate }) }
}

/** The trace's id: 32 hexadecimal digits. */
export function traceId({ traceparent }: TraceContext): string {
  return traceparent.slice(3, 35)
}
