/** The queues of batch jobs, and their poison queues, to which the host moves messages that failed too often. */
import { app, type InvocationContext } from '@azure/functions'
import type { Jobs } from '../src/compose/jobs-app.ts'
import { jobQueues } from '../src/jobs/job-queues.ts'
import { hostTrace } from './host-trace.ts'
import { openJobs } from './opened-jobs.ts'

type Handler = (jobs: Jobs, message: unknown, context: InvocationContext) => Promise<void>

function onQueue(name: string, queueName: string, handle: Handler): void {
  app.storageQueue(name, {
    queueName,
    connection: 'AzureWebJobsStorage',
    handler: async (message: unknown, context: InvocationContext): Promise<void> =>
      handle(await openJobs(), message, context),
  })
}

const submit =
  (isLastTry: boolean): Handler =>
  ({ service }, message, { triggerMetadata, invocationId }) =>
    service.submitMessage(message, String(triggerMetadata?.id ?? invocationId), isLastTry)

onQueue('job-submitted', jobQueues.submit, submit(false))
onQueue('job-submitted-poison', `${jobQueues.submit}-poison`, submit(true))
onQueue('job-split', jobQueues.split, ({ steps }, message, context) => steps.split(message, hostTrace(context)))
onQueue('job-chunk', jobQueues.chunk, ({ steps }, message, context) =>
  steps.chunk(message, Number(context.triggerMetadata?.dequeueCount ?? 1), hostTrace(context)),
)
onQueue('job-finish', jobQueues.finish, ({ steps }, message, context) => steps.finish(message, hostTrace(context)))
for (const step of ['split', 'chunk', 'finish'] as const) {
  onQueue(`job-${step}-poison`, `${jobQueues[step]}-poison`, ({ steps }, message) => steps.poisoned(step, message))
}
