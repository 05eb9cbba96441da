import { app, type InvocationContext } from '@azure/functions'
import { jobQueues } from '../src/jobs/message-queues.ts'
import { openJobs } from './open-jobs.ts'

app.storageQueue('job-chunk', {
  queueName: jobQueues.chunk,
  connection: 'AzureWebJobsStorage',
  handler: async (message: unknown, { triggerMetadata }: InvocationContext): Promise<void> =>
    (await openJobs()).steps.chunk(message, Number(triggerMetadata?.dequeueCount ?? 1)),
})
