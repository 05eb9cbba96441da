import { attribute, spanAttribute } from '../telemetry/metric-names.ts'
import type { TraceContext } from '../telemetry/trace-context.ts'
import type { Span, Tracing } from '../telemetry/tracing.ts'
import { jobQueues } from './job-queues.ts'
import { type JobStep, messageJobFolder } from './message-queues.ts'
import { readSpec } from './records.ts'
import type { JobSpec } from './spec.ts'
import type { JobTools } from './tools.ts'

/** How a step came to its receiver; absent: it runs on in the invocation of another step, or of a request. */
export interface StepDelivery {
  /** From 1. */
  readonly count?: number
  /** The span of the host's invocation, where the host has one. */
  readonly hostTrace?: TraceContext | undefined
}

/**
 * Runs a step within a span, which is linked to the submission of its job: that may have ended hours ago, and its span is in the
 * job's spec, so that it outlives every message. (OpenTelemetry semantic conventions, "Messaging", consumer spans)
 */
export async function traceStep<T>(
  tools: JobTools,
  step: JobStep,
  delivery: StepDelivery | undefined,
  run: (span: Span | undefined) => Promise<T>,
): Promise<T> {
  const { tracing } = tools
  if (!tracing) return run(undefined)
  const span = startSpan(tracing, step, { delivery, spec: await findSpec(tools, step) })
  try {
    const result = await run(span)
    span.end()
    return result
  } catch (failure) {
    span.end((failure as { code?: string }).code ?? (failure as Error).name)
    throw failure
  }
}

interface Circumstances {
  readonly delivery: StepDelivery | undefined
  readonly spec: JobSpec | undefined
}

function startSpan(tracing: Tracing, { queue, message }: JobStep, { delivery, spec }: Circumstances): Span {
  const { service = spec?.service, jobId, chunk } = message
  return tracing.start(`job ${queue}`, {
    kind: delivery && !delivery.hostTrace ? 'consumer' : 'internal',
    parent: delivery?.hostTrace,
    ...(spec?.trace && { links: [spec.trace] }),
    attributes: {
      ...(delivery && {
        [spanAttribute.messagingSystem]: 'azure_storage_queue',
        [spanAttribute.messagingDestination]: jobQueues[queue],
        [spanAttribute.messagingOperation]: 'process',
      }),
      ...(delivery?.count !== undefined && { [spanAttribute.deliveryCount]: delivery.count }),
      ...(service !== undefined && { [attribute.service]: service }),
      [spanAttribute.jobId]: jobId,
      ...(chunk !== undefined && { [spanAttribute.chunk]: chunk }),
    },
  })
}

/** @returns undefined when it cannot be read now, which the step itself will find */
async function findSpec({ cache, store }: JobTools, { message }: JobStep): Promise<JobSpec | undefined> {
  const folder = messageJobFolder(message)
  return cache.spec(folder) ?? (await readSpec(store, folder).catch(() => undefined))
}
