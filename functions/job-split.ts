import { app } from '@azure/functions'
import { jobQueues } from '../src/jobs/message-queues.ts'
import { openJobs } from './open-jobs.ts'

app.storageQueue('job-split', {
  queueName: jobQueues.split,
  connection: 'AzureWebJobsStorage',
  handler: async (message: unknown): Promise<void> => (await openJobs()).steps.split(message),
})
