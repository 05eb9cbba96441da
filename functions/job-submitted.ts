import { app, type InvocationContext } from '@azure/functions'
import { jobQueues } from '../src/jobs/message-queues.ts'
import { openJobs } from './open-jobs.ts'

app.storageQueue('job-submitted', {
  queueName: jobQueues.submit,
  connection: 'AzureWebJobsStorage',
  handler: async (message: unknown, { triggerMetadata, invocationId }: InvocationContext): Promise<void> => {
    const { desk } = await openJobs()
    await desk.submitMessage(message, String(triggerMetadata?.id ?? invocationId))
  },
})
