import { app } from '@azure/functions'
import { startedApp } from '../src/app.ts'

/** Brings back messages of jobs that were lost; an app without storage has none. */
app.timer('sweep', {
  schedule: '0 * * * * *',
  handler: async (): Promise<void> => {
    const jobs = await (await startedApp()).jobs?.()
    await jobs?.steps.sweep()
  },
})
