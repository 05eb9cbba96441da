import { type ErrorCode, isServerFault } from '../errors.ts'
import type { ScoringService } from '../inference/scoring-service.ts'
import { attribute, spanAttribute } from '../telemetry/metric-names.ts'
import type { TriggerName } from '../telemetry/service-metrics.ts'
import type { TraceContext } from '../telemetry/trace-context.ts'
import type { Span } from '../telemetry/tracing.ts'
import type { Message } from './message.ts'

/** As OpenTelemetry names them; a container of blobs sends no messages. */
const systems = { blob: undefined, queue: 'azure_storage_queue', 'service-bus': 'servicebus' } as const

interface Receipt {
  readonly trigger: TriggerName
  /** The span of the host's invocation, where the host has one: this one is then a part of it. */
  readonly hostTrace?: TraceContext | undefined
}

/**
 * Begins the span of a message, which is linked to the one of its sender, as far as that is known. (OpenTelemetry semantic
 * conventions, "Messaging", consumer spans)
 *
 * @returns undefined: the service is not traced
 */
export function startMessageSpan(
  { tracing, name }: ScoringService,
  { id, source, deliveryCount, sender }: Message,
  { trigger, hostTrace }: Receipt,
): Span | undefined {
  const system = systems[trigger]
  return tracing?.start(`score ${trigger}`, {
    kind: hostTrace ? 'internal' : 'consumer',
    parent: hostTrace,
    ...(sender && { links: [sender] }),
    attributes: {
      [attribute.service]: name,
      [attribute.protocol]: trigger,
      [spanAttribute.requestId]: id,
      ...(system && {
        [spanAttribute.messagingSystem]: system,
        [spanAttribute.messagingDestination]: source,
        [spanAttribute.messagingOperation]: 'process',
      }),
      ...(deliveryCount !== undefined && { [spanAttribute.deliveryCount]: deliveryCount }),
    },
  })
}

/** Ends it with what became of the message. The fault of its sender is none of the service. */
export function endMessageSpan(
  span: Span,
  { version }: Pick<ScoringService, 'version'>,
  error: { readonly code: ErrorCode; readonly status: number } | undefined,
): void {
  span.set({
    ...(version !== undefined && { [spanAttribute.modelVersion]: version }),
    ...(error && { [attribute.errorType]: error.code }),
  })
  span.end(error && isServerFault(error.status) ? error.code : undefined)
}
