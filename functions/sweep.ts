import { app } from '@azure/functions'
import { startedApp, sweepSchedule } from '../src/compose/app.ts'

/** Brings back messages of jobs that were lost; an app without storage has none. */
app.timer('sweep', {
  schedule: sweepSchedule,
  handler: async (): Promise<void> => {
    const jobs = await (await startedApp()).jobs?.()
    await jobs?.steps.sweep()
  },
})
