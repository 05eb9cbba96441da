/** The triggers that services declare in `service.json`, besides HTTP. (guide/triggers.md) */
import { app, type InvocationContext, output } from '@azure/functions'
import { makeScoring, serviceBus, triggerPlan } from '../src/compose/service-triggers.ts'
import { watchedPath } from '../src/models/definition/job-watch.ts'
import type { JobWatch, ServiceTrigger } from '../src/models/definition/plan-triggers.ts'
import { scoreBlob } from '../src/triggers/score-blob.ts'
import { scoreBusMessage } from '../src/triggers/score-bus-message.ts'
import { scoreQueueMessage } from '../src/triggers/score-queue-message.ts'
import { hostTrace } from './host-trace.ts'
import { openJobs } from './opened-jobs.ts'

type Of<Kind> = ServiceTrigger & { readonly kind: Kind }

/** Bytes as they are: the library would parse text as JSON, which makes 1 of 1.0 and a number of "1". */
const dataType = 'binary'

function onBlob(trigger: Of<'blob'>): void {
  const { service, input, connection, source } = trigger
  const options = {
    path: input,
    connection,
    source: source === 'eventGrid' ? ('EventGrid' as const) : ('LogsAndContainerScan' as const),
    dataType,
    return: output.storageBlob({ path: trigger.output, connection }),
    handler: (blob: unknown, context: InvocationContext) => {
      const { triggerMetadata = {}, invocationId: id } = context
      return scoreBlob(blob, triggerMetadata, trigger, { ...makeScoring(service, 'blob', hostTrace(context)), id })
    },
  }
  app.storageBlob(`blob-trigger-${service}`, options)
}

function onQueue(trigger: Of<'queue'>): void {
  const { service, input, connection } = trigger
  const poison = output.storageQueue({ queueName: `${input}-poison`, connection })
  const options = {
    queueName: input,
    connection,
    dataType,
    return: output.storageQueue({ queueName: trigger.output, connection }),
    extraOutputs: [poison],
    handler: async (message: unknown, context: InvocationContext) => {
      const { triggerMetadata = {}, invocationId } = context
      const facts = {
        id: String(triggerMetadata.id ?? invocationId),
        deliveryCount: Number(triggerMetadata.dequeueCount ?? 1),
      }
      const writes = await scoreQueueMessage(message, facts, trigger, makeScoring(service, 'queue', hostTrace(context)))
      if (writes.poison !== undefined) context.extraOutputs.set(poison, writes.poison)
      return writes.answer
    },
  }
  app.storageQueue(`queue-trigger-${service}`, options)
}

/**
 * One message an invocation, many invocations at a time: requests that wait together share a run as those of HTTP do, and the host
 * settles each message by itself. With batches it renews no locks, and does not tell which ids belong to which message.
 * (Azure-Functions, issue 2084)
 */
function onServiceBus(trigger: Of<'serviceBus'>): void {
  const { service, input, connection } = trigger
  const options = {
    queueName: input,
    connection,
    dataType,
    cardinality: 'one' as const,
    isSessionsEnabled: false,
    autoCompleteMessages: true,
    handler: (message: unknown, context: InvocationContext) => {
      const { triggerMetadata = {}, invocationId: id } = context
      const scoring = makeScoring(service, 'service-bus', hostTrace(context))
      return scoreBusMessage(message, triggerMetadata, trigger, { ...scoring, service, id, bus: serviceBus() })
    },
  }
  app.serviceBusQueue(`service-bus-trigger-${service}`, options)
}

/** The host names the blob and does not read it: the job does, piece by piece, whatever its size. */
function onWatched({ service, watch, source }: JobWatch): void {
  app.storageBlob(`job-watch-${service}`, {
    path: watchedPath(watch),
    connection: 'AzureWebJobsStorage',
    source: source === 'eventGrid' ? ('EventGrid' as const) : ('LogsAndContainerScan' as const),
    sdkBinding: true,
    handler: async (_: unknown, { triggerMetadata }: InvocationContext) => {
      const jobs = await openJobs()
      await jobs.service.submitWatched(service, String(triggerMetadata?.blobTrigger))
    },
  })
}

for (const watch of triggerPlan.watches) onWatched(watch)
for (const trigger of triggerPlan.runs) {
  if (trigger.kind === 'blob') onBlob(trigger)
  else if (trigger.kind === 'queue') onQueue(trigger)
  else onServiceBus(trigger)
}
