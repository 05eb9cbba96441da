import { startedApp } from '../src/compose/app.ts'
import type { Jobs } from '../src/compose/jobs-app.ts'

/** @throws when the app has no storage: the message must stay in its queue for an instance that has */
export async function openJobs(): Promise<Jobs> {
  const { jobs } = await startedApp()
  if (!jobs) throw new Error('received a message of a batch job, but AzureWebJobsStorage is not set')
  return jobs()
}
