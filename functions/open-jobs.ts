import { startedApp } from '../src/compose/app.ts'
import type { Jobs } from '../src/compose/jobs-app.ts'

/** For a message: it must not be lost because this instance cannot work on it. */
export async function openJobs(): Promise<Jobs> {
  const { jobs } = await startedApp()
  if (!jobs) throw new Error('a message came, but this app has no storage: AzureWebJobsStorage is not set')
  return jobs()
}
