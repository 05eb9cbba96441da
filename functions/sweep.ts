import { app } from '@azure/functions'
import { startedApp, sweepSchedule } from '../src/compose/app.ts'

/** Re-enqueues lost messages of batch jobs. An app without storage has no jobs. */
app.timer('sweep', {
  schedule: sweepSchedule,
  handler: async (): Promise<void> => {
    const jobs = await (await startedApp()).jobs?.()
    await jobs?.steps.sweep()
  },
})
