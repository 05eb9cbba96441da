/** Messages that came back too often: the host puts them on the queue beside their own. */
import { app, type InvocationContext } from '@azure/functions'
import { jobQueues } from '../src/jobs/message-queues.ts'
import { openJobs } from './open-jobs.ts'

app.storageQueue('job-submitted-poison', {
  queueName: `${jobQueues.submit}-poison`,
  connection: 'AzureWebJobsStorage',
  handler: async (message: unknown, { triggerMetadata, invocationId }: InvocationContext): Promise<void> => {
    const { desk } = await openJobs()
    await desk.submitMessage(message, String(triggerMetadata?.id ?? invocationId), true)
  },
})

for (const step of ['split', 'chunk', 'finish'] as const) {
  app.storageQueue(`job-${step}-poison`, {
    queueName: `${jobQueues[step]}-poison`,
    connection: 'AzureWebJobsStorage',
    handler: async (message: unknown): Promise<void> => (await openJobs()).steps.poisoned(step, message),
  })
}
