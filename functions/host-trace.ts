import type { InvocationContext } from '@azure/functions'
import { readTraceContext, type TraceContext } from '../src/telemetry/trace-context.ts'

/** The span that Azure's host has of an invocation; undefined: the embedded host has none. */
export function hostTrace({ traceContext }: InvocationContext): TraceContext | undefined {
  return readTraceContext(traceContext?.traceParent, traceContext?.traceState)
}
