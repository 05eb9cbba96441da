/**
 * The embedded host: a stand-in for Azure's Functions host that runs a Node function app in this process.
 *
 *     node src/host/host-process.ts --app DIR --port 0
 *
 * The supervisor starts it as a child and restarts it; it also runs without it.
 */
import { url as inspectorUrl } from 'node:inspector'
import { enableCompileCache, flushCompileCache } from 'node:module'
import { availableParallelism } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import type { HostContext } from './app/function-runner.ts'
import { FunctionTimeout, type NamedInvocation } from './app/function-timeout.ts'
import { FunctionsCore, supplyFunctionsCore } from './app/functions-core.ts'
import { readOnly, runAppHooks } from './app/invocation-hooks.ts'
import { loadApp } from './app/load-app.ts'
import { OutputBindings } from './app/output-bindings.ts'
import {
  describeKeys,
  httpTriggers,
  isDisabled,
  type ListedFunction,
  listFunctions,
  listTriggers,
  unservedBindings,
} from './app/triggers.ts'
import { BackgroundTriggers } from './background-triggers.ts'
import { systemClock } from './clock.ts'
import { formatTimeSpan } from './dotnet-time.ts'
import { holdOutput, type ReleaseOutput, releaseOutput } from './held-output.ts'
import { readHostJson } from './host-json.ts'
import { describe, HostLog } from './host-log.ts'
import { readHostSettings, readHttp2Port } from './host-settings.ts'
import { readCertificate } from './http/certificate.ts'
import { HttpDispatcher } from './http/dispatcher.ts'
import { type GrpcHandler, WaitingReceiver } from './http/receiver.ts'
import { HttpServer } from './http/server.ts'
import { errorCodes } from './http2/error-codes.ts'
import { refuseGrpc } from './http2/receive-stream.ts'
import { openOutputStorage } from './load-host-storage.ts'
import { type LocalSettings, readLocalSettings } from './local-settings.ts'
import { LogFile } from './log-file.ts'
import { describeSkipped, listRunning, planBackgroundTriggers } from './plan-background-triggers.ts'
import { endCrashed, endOnUncaughtErrors, endUnstarted, explain, stopOnSignals } from './process-end.ts'
import { type HandBack, HeldMessages } from './queue/held-messages.ts'
import { HostBus } from './service-bus/host-bus.ts'
import { whenIdle } from './when-idle.ts'

/** The message of the child to its supervisor once it serves. */
export interface Listening {
  readonly type: 'listening'
  readonly url: string
  readonly port: number
  /** The second port, which takes the same requests; undefined: there is none. */
  readonly grpcPort: number | undefined
  readonly functions: readonly ListedFunction[]
}

/** Longest wait of queues and timers for the work that the app still does after its start. */
const maxIdleWaitMs = 2000
/** How long a stop waits for requests and messages in progress, and for the app's appTerminate hooks. */
const drainTimeoutMs = 30_000
const terminateTimeoutMs = 10_000

/** Ends the app in good order. Until it is set there is nothing to end. */
let stop = async (): Promise<void> => {}

function readOptions() {
  const { values } = parseArgs({
    options: {
      app: { type: 'string', default: '.' },
      port: { type: 'string', default: '' },
      'grpc-port': { type: 'string', default: '' },
      address: { type: 'string', default: '' },
      cert: { type: 'string' },
      key: { type: 'string' },
      verbose: { type: 'boolean', default: false },
      // The supervisor has put local.settings.json into the environment already.
      'no-local-settings': { type: 'boolean', default: false },
      // The supervisor prints a start screen first, and then asks for what was held back.
      'log-file': { type: 'string' },
      'hold-output': { type: 'boolean', default: false },
    },
  })
  return values
}

async function main(): Promise<void> {
  const options = readOptions()
  directOutput(options)
  const appRoot = resolve(options.app)
  const log = new HostLog(options.verbose)
  const local = options['no-local-settings'] ? undefined : readLocalSettings(appRoot, process.env)
  for (const warning of local?.warnings ?? []) console.error(warning)
  Object.assign(process.env, local?.values)

  // The server listens first, so that a busy port is noticed before the app does anything.
  const { server, receiver, port, grpcPort, scheme, defaultHost } = await startServer(options, local)
  process.env.AZURE_FUNCTIONS_ENVIRONMENT ??= 'Development'
  process.env.WEBSITE_HOSTNAME = defaultHost

  const bus = new HostBus(process.env)
  const core = new FunctionsCore(log, bus.module)
  const { appHookData, appContext } = await startFunctions(core, appRoot)

  const isDevelopment = process.env.AZURE_FUNCTIONS_ENVIRONMENT === 'Development'
  const hostJson = readHostJson(appRoot, { isDevelopment, processorCount: availableParallelism() })
  const { routePrefix, functionTimeoutMs } = hostJson
  const { maxPollingMs, maxBodyBytes, invisibleMs, unreadResponseMs } = readHostSettings(process.env)
  server.dropUnreadAfter(unreadResponseMs)
  const triggers = listTriggers(core.functions.values()).filter(({ fn }) => !isDisabled(fn.name, process.env))
  for (const sentence of unservedBindings(triggers)) log.system('warning', sentence)
  const plan = planBackgroundTriggers(triggers, process.env)
  // With --verbose the list of functions says it.
  if (!log.isVerbose) for (const sentence of describeSkipped(plan)) log.system('warning', sentence)
  const background = new BackgroundTriggers()
  process.on('message', (message: HandBack) => {
    if (message.type === 'hand back') void background.takeBack(message.messages)
  })
  const outputs = new OutputBindings({
    environment: process.env,
    messageEncoding: hostJson.queues.messageEncoding,
    open: () => openOutputStorage(name => background.wakeAll(name)),
  })
  const host: HostContext = {
    hooks: core.hooks,
    appHookData,
    timeout: makeTimeout(functionTimeoutMs, log),
    log,
    outputs,
  }

  const settings = { scheme, defaultHost, maxBodyBytes } as const
  const http = httpTriggers(triggers)
  const aboutKeys = describeKeys(http, isDevelopment)
  if (aboutKeys !== undefined) log.system('warning', aboutKeys)
  const dispatcher = new HttpDispatcher({ triggers: http, routePrefix, settings, ignoresKeys: isDevelopment, ...host })
  receiver.start({
    request: (incoming, outgoing, expectsContinue) => dispatcher.handle(incoming, outgoing, expectsContinue),
    grpc: core.grpcHandler ? guardGrpc(core.grpcHandler, log) : refuseGrpc,
  })
  stop = async () => {
    dispatcher.isStopping = true
    await Promise.all([server.drain(drainTimeoutMs), background.stop(drainTimeoutMs)])
    await Promise.race([runAppHooks(core.hooks.appTerminate, appContext), delay(terminateTimeoutMs)])
  }

  const url = `${scheme}://${defaultHost}`
  const running = listRunning(plan)
  const functions = listFunctions(triggers, routePrefix, { running, skipReasons: plan.skipReasons })
  const listening: Listening = { type: 'listening', url, port, grpcPort, functions }
  if (process.send) process.send(listening)
  else console.log(`Listening on ${url}${grpcPort === undefined ? '' : `, and on port ${grpcPort}`}`)

  // Loading the client of the queues takes about as much computing as the first response, which callers wait for.
  await whenIdle(maxIdleWaitMs)
  flushCompileCache() // also when the process is killed later
  const { maxPollingIntervalMs } = hostJson.queues
  const queues = { ...hostJson.queues, maxPollingIntervalMs: maxPollingMs ?? maxPollingIntervalMs }
  await background.start({ ...hostJson, plan, host, bus, queues, invisibleMs, held: openHeldMessages() })
}

/** @returns undefined without a supervisor */
function openHeldMessages(): HeldMessages | undefined {
  if (!process.send) return undefined
  // Between the end of the supervisor and that of this process nobody listens.
  return new HeldMessages(holding => process.connected && process.send?.(holding, undefined, undefined, () => {}))
}

/** Sends what is printed to the log file too, and holds it back until the supervisor asks for it. */
function directOutput(options: ReturnType<typeof readOptions>): void {
  const logFile = options['log-file'] === undefined ? undefined : new LogFile(options['log-file'])
  if (!options['hold-output']) return logFile?.copyOutput()
  holdOutput(
    text => logFile?.append(text),
    () => logFile?.copyOutput(),
  )
  process.on('message', ({ type, omit }: ReleaseOutput) => {
    if (type === 'release output') releaseOutput(omit)
  })
}

/** Loads the app, which registers its functions, and runs its start hooks. */
async function startFunctions(core: FunctionsCore, appRoot: string) {
  supplyFunctionsCore(core)
  // Node.js then reads what it compiled at an earlier start. Where it cannot store that, it does without.
  enableCompileCache(join(appRoot, '.local', 'compile-cache'))
  // As Azure's host does: relative paths of the app's own code and settings begin at its folder.
  process.env.AzureWebJobsScriptRoot = appRoot
  process.chdir(appRoot)
  await loadApp(appRoot)
  const appHookData = {}
  const appContext = Object.defineProperties({ functionAppDirectory: appRoot }, readOnly({ hookData: {}, appHookData }))
  await runAppHooks(core.hooks.appStart, appContext)
  core.finishStart()
  return { appHookData, appContext }
}

/** Requests that come before the receiver is started wait for it. */
async function startServer(options: ReturnType<typeof readOptions>, local: LocalSettings | undefined) {
  const receiver = new WaitingReceiver()
  const certificate = options.cert && options.key ? readCertificate(options.cert, options.key) : undefined
  const server = new HttpServer(certificate, receiver)
  const address = options.address || local?.address || '127.0.0.1'
  const port = await server.listen(Number(options.port || local?.port || 7071), address)
  const secondPort = options['grpc-port'] ? Number(options['grpc-port']) : readHttp2Port(process.env)
  const grpcPort = secondPort === undefined ? undefined : await server.listenToo(secondPort, address)
  const isLocal = ['127.0.0.1', '0.0.0.0', '::', '::1', 'localhost'].includes(address)
  const hostName = isLocal ? 'localhost' : address.includes(':') ? `[${address}]` : address
  const scheme: 'http' | 'https' = certificate ? 'https' : 'http'
  return { server, receiver, port, grpcPort, scheme, defaultHost: `${hostName}:${port}` }
}

/** A handler that throws all the same ends its stream, not the process. */
function guardGrpc(handler: GrpcHandler, log: HostLog): GrpcHandler {
  return (stream, headers) => {
    try {
      handler(stream, headers)
    } catch (error) {
      log.system('error', `The handler of gRPC failed: ${describe(error)}`)
      stream.close(errorCodes.internal)
    }
  }
}

/** Ends the process when an invocation runs longer than `functionTimeout`, as Azure's host does. */
function makeTimeout(timeoutMs: number | undefined, log: HostLog): FunctionTimeout {
  const onExceeded = ({ functionName, invocationId }: NamedInvocation) => {
    const limit = formatTimeSpan(timeoutMs as number)
    const line = `Timeout value of ${limit} exceeded by function 'Functions.${functionName}' (Id: '${invocationId}').`
    log.system('error', `${line} The host process ends, and everything that runs in it.`)
    endCrashed()
  }
  const isDebugged = () => inspectorUrl() !== undefined
  return new FunctionTimeout({ limitMs: timeoutMs, clock: systemClock, isDebugged, onExceeded })
}

stopOnSignals(() => stop())
// When the reader of the log is gone (`npm start | head`), the host goes on.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})
endOnUncaughtErrors()
main().catch(error => {
  releaseOutput()
  console.error(explain(error))
  endUnstarted()
})
