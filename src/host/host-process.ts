/**
 * The embedded host: a stand-in for Azure's Functions host that runs a Node function app in this process.
 *
 *     node src/host/host-process.ts --app DIR --port 0
 *
 * The supervisor starts it as a child and restarts it; it also runs alone.
 */
import { enableCompileCache, flushCompileCache } from 'node:module'
import { availableParallelism } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { StartupError } from '../errors.ts'
import { FunctionTimeout } from './app/function-timeout.ts'
import { FunctionsCore, type HookCallback, supplyFunctionsCore } from './app/functions-core.ts'
import { readOnly } from './app/invocation-hooks.ts'
import { loadApp } from './app/load-app.ts'
import { httpTriggers, type ListedFunction, listFunctions, listTriggers, unservedBindings } from './app/triggers.ts'
import { BackgroundTriggers, planBackgroundTriggers } from './background-triggers.ts'
import { systemClock } from './clock.ts'
import { crash, endCrashed, explain, explainCause } from './crash.ts'
import { formatTimeSpan } from './dotnet-time.ts'
import { readHostJson } from './host-json.ts'
import { HostLog } from './host-log.ts'
import { readHostTimes } from './host-times.ts'
import { readCertificate } from './http/certificate.ts'
import { HttpDispatcher } from './http/dispatcher.ts'
import { HttpServer, type OnRequest } from './http/server.ts'
import { readLocalSettings } from './local-settings.ts'
import { whenIdle } from './when-idle.ts'

/** What the child tells its supervisor once it serves. */
export interface Listening {
  readonly type: 'listening'
  readonly url: string
  readonly port: number
  readonly functions: readonly ListedFunction[]
}

const defaultMaxBodyBytes = 104_857_600
/** How long queues and timers wait, at most, for what the app still does after its start. */
const maxIdleWaitMs = 2000
/** How long a stop waits for requests in flight, and for the app's appTerminate hooks. */
const drainTimeoutMs = 30_000
const terminateTimeoutMs = 10_000

/** How this process ends: at once while it starts, later in good order. */
let stop = async (): Promise<void> => {}

function readOptions() {
  const { values } = parseArgs({
    options: {
      app: { type: 'string', default: '.' },
      port: { type: 'string', default: '' },
      address: { type: 'string', default: '' },
      cert: { type: 'string' },
      key: { type: 'string' },
      verbose: { type: 'boolean', default: false },
      // The supervisor has put local.settings.json into the environment already.
      'no-local-settings': { type: 'boolean', default: false },
    },
  })
  return values
}

async function main(): Promise<void> {
  const options = readOptions()
  const appRoot = resolve(options.app)
  const log = new HostLog(options.verbose)
  const local = options['no-local-settings'] ? undefined : readLocalSettings(appRoot, process.env)
  for (const warning of local?.warnings ?? []) console.error(warning)
  Object.assign(process.env, local?.values)

  // Requests that come while the app loads wait for it; that way a busy port is noticed before the app does anything.
  const waiting: Parameters<OnRequest>[] = []
  let onRequest: OnRequest = (...request) => waiting.push(request)
  const certificate = options.cert && options.key ? readCertificate(options.cert, options.key) : undefined
  const server = new HttpServer(certificate, (...request) => onRequest(...request))
  const address = options.address || local?.address || '127.0.0.1'
  const port = await server.listen(Number(options.port || local?.port || 7071), address)
  const hostName = ['127.0.0.1', '0.0.0.0', '::', '::1', 'localhost'].includes(address) ? 'localhost' : address
  const defaultHost = `${hostName.includes(':') ? `[${hostName}]` : hostName}:${port}`
  process.env.AZURE_FUNCTIONS_ENVIRONMENT ??= 'Development'
  process.env.WEBSITE_HOSTNAME = defaultHost

  const core = new FunctionsCore(log)
  supplyFunctionsCore(core)
  // Node.js then reads what it compiled at an earlier start; where it cannot keep that, it goes without.
  enableCompileCache(join(appRoot, '.local', 'compile-cache'))
  await loadApp(appRoot)
  const appHookData = {}
  const appContext = Object.defineProperties({ functionAppDirectory: appRoot }, readOnly({ hookData: {}, appHookData }))
  await runHooks(core.hooks.appStart, appContext)
  core.finishStart()

  const isDevelopment = process.env.AZURE_FUNCTIONS_ENVIRONMENT === 'Development'
  const hostJson = readHostJson(appRoot, { isDevelopment, processorCount: availableParallelism() })
  const { routePrefix, functionTimeoutMs } = hostJson
  const times = readHostTimes(process.env)
  server.dropUnreadAfter(times.unreadResponseMs)
  const triggers = listTriggers(core.functions.values())
  for (const sentence of unservedBindings(triggers)) log.write('warning', 'system', sentence)
  const plan = planBackgroundTriggers(triggers, process.env)
  const timeout = new FunctionTimeout(functionTimeoutMs, systemClock, invocation => {
    const { functionName, invocationId } = invocation
    const limit = formatTimeSpan(functionTimeoutMs as number)
    const line = `Timeout value of ${limit} exceeded by function 'Functions.${functionName}' (Id: '${invocationId}').`
    log.write('error', 'system', `${line} The host process ends, and all that runs in it.`)
    endCrashed()
  })
  const host = { hooks: core.hooks, appHookData, timeout, log }

  const scheme = certificate ? 'https' : 'http'
  const maxBodyBytes = readMaxBodyBytes(process.env.FUNCTIONS_REQUEST_BODY_SIZE_LIMIT)
  const settings = { scheme, defaultHost, maxBodyBytes } as const
  const dispatcher = new HttpDispatcher({ triggers: httpTriggers(triggers), routePrefix, settings, ...host })
  onRequest = (incoming, outgoing, expectsContinue) => dispatcher.handle(incoming, outgoing, expectsContinue)
  for (const request of waiting.splice(0)) onRequest(...request)

  const background = new BackgroundTriggers()
  stop = async () => {
    dispatcher.isStopping = true
    await Promise.all([server.drain(drainTimeoutMs), background.stop(drainTimeoutMs)])
    await Promise.race([runHooks(core.hooks.appTerminate, appContext), delay(terminateTimeoutMs)])
  }
  const url = `${scheme}://${defaultHost}`
  const running = new Set([...plan.queues, ...plan.timers].map(({ trigger }) => trigger.fn.name))
  const functions = listFunctions(triggers, routePrefix, running, plan.skipReason)
  const listening: Listening = { type: 'listening', url, port, functions }
  if (process.send) process.send(listening)
  else console.log(`Listening on ${url}`)
  const maxPollingIntervalMs = times.maxPollingMs ?? hostJson.queues.maxPollingIntervalMs
  // Loading the clients of the storage takes about as much computing as the first answer, which callers wait for.
  await whenIdle(maxIdleWaitMs)
  flushCompileCache() // not only when the process ends, which may be all at once
  await background.start({ plan, host, settings: { ...hostJson.queues, maxPollingIntervalMs }, times })
}

async function runHooks(hooks: readonly HookCallback[], context: object): Promise<void> {
  for (const hook of hooks) await hook(context)
}

function readMaxBodyBytes(text: string | undefined): number {
  const limit = text === undefined || text === '' ? defaultMaxBodyBytes : Number(text)
  if (!Number.isSafeInteger(limit) || limit < 0) {
    throw new StartupError('FUNCTIONS_REQUEST_BODY_SIZE_LIMIT must be a whole number of bytes')
  }
  return limit
}

let isStopping = false

/** Once on SIGTERM, SIGINT or when the supervisor is gone; a second signal ends at once. */
function onSignal(): void {
  if (isStopping) endAtOnce()
  isStopping = true
  stop().then(
    () => process.exit(0),
    error => {
      console.error(`stopping failed: ${explainCause(error)}`)
      endAtOnce()
    },
  )
}

/** `process.exit` waits for worker threads, and so for native code that runs in one. */
function endAtOnce(): void {
  process.kill(process.pid, 'SIGKILL')
}

function delay(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms))
}

process.on('SIGTERM', onSignal).on('SIGINT', onSignal)
process.on('disconnect', () => {
  if (!isStopping) onSignal()
})
// Nobody reads the log any more (`npm start | head`): that is no reason to end.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})
process.on('uncaughtException', crash('Uncaught exception'))
process.on('unhandledRejection', crash('Unhandled rejection'))
main().catch(error => {
  console.error(explain(error))
  process.exit(1)
})
