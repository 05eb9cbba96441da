/** Registers every trigger of the app; what they need is loaded after that, when the app starts. */
import { app } from '@azure/functions'
import { acceptBlobReferences } from '../src/adapters/functions-worker/blob-references.ts'
import { functionsCore, isEmbeddedHost } from '../src/adapters/functions-worker/functions-core.ts'
import { importOwnFunctions } from '../src/adapters/functions-worker/own-functions.ts'
import { keepPrewarmedWorker } from '../src/adapters/node-worker/prewarmed-worker.ts'
import type { StartedThread } from '../src/adapters/node-worker/start-thread.ts'
import { requestLog, startedApp, stopApp, watchColdStart } from '../src/compose/app.ts'
import { locateApp } from '../src/compose/locate-app.ts'
import { triggerPlan } from '../src/compose/service-triggers.ts'
import type { ColdStart } from '../src/telemetry/cold-start.ts'
import { registrations } from './registrations.ts'
import './docs.ts'
import './encrypted.ts'
import './grpc.ts'
import './health.ts'
import './job-queues.ts'
import './jobs.ts'
import './key-rotated.ts'
import './metrics.ts'
import './open-inference.ts'
import './openapi.ts'
import './score.ts'
import './service-triggers.ts'
import './sweep.ts'
import './unknown-path.ts'

interface Begun {
  readonly coldStart: ColdStart
  /** A thread without a service, which has the limits of one that says nothing about them. */
  readonly firstThread: StartedThread
}

/** Registers what is not a trigger: the hooks of the app. */
export function registerApp({ coldStart, firstThread }: Begun): void {
  keepPrewarmedWorker(firstThread)
  watchColdStart(coldStart)
  app.setup({ enableHttpStream: true })
  // The hook of the library hides the folder of the app, so this one is registered without it.
  functionsCore.registerHook('appStart', async ({ functionAppDirectory }) => {
    coldStart.end('host')
    const appRoot = locateApp(functionAppDirectory)
    await Promise.all([startedApp(), importOwnFunctions(appRoot, registrations)])
    if (triggerPlan.watches.length > 0) acceptBlobReferences()
    coldStart.end('app')
    app.setup({ enableHttpStream: true }) // whatever a file of the project has set: the app reads bodies as they come
  })
  app.hook.appTerminate(stopApp)
  if (requestLog) {
    const { begin, end } = requestLog
    const isKeptByHost = !isEmbeddedHost(functionsCore)
    app.hook.preInvocation(begin)
    app.hook.postInvocation(context => end(context, isKeptByHost))
  }
  coldStart.end('bundle')
}
