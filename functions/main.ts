/** Registers every trigger of the app; what they need is loaded after that, when the app starts. */
import './first-thread.ts'

import { app } from '@azure/functions'
import { requestLog, startedApp, stopApp } from '../src/compose/app.ts'
import './docs.ts'
import './health.ts'
import './job-queues.ts'
import './jobs.ts'
import './key-rotated.ts'
import './metrics.ts'
import './openapi.ts'
import './score.ts'
import './sweep.ts'
import './unknown-path.ts'

app.setup({ enableHttpStream: true })
app.hook.appStart(async () => {
  await startedApp()
})
app.hook.appTerminate(stopApp)
if (requestLog) {
  app.hook.preInvocation(requestLog.begin)
  app.hook.postInvocation(requestLog.end)
}
