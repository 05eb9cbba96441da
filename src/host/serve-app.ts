/** Serves an app that has registered its functions: its start hooks run, then its triggers. */
import { url as inspectorUrl } from 'node:inspector'
import { flushCompileCache } from 'node:module'
import { availableParallelism } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import type { HostContext } from './app/function-runner.ts'
import { FunctionTimeout, type NamedInvocation } from './app/function-timeout.ts'
import type { FunctionsCore } from './app/functions-core.ts'
import { readOnly, runAppHooks } from './app/invocation-hooks.ts'
import { OutputBindings } from './app/output-bindings.ts'
import {
  describeKeys,
  httpTriggers,
  isDisabled,
  type ListedFunction,
  listFunctions,
  listTriggers,
  type Trigger,
  unservedBindings,
} from './app/triggers.ts'
import { BackgroundTriggers } from './background-triggers.ts'
import { systemClock } from './clock.ts'
import { formatTimeSpan } from './dotnet-time.ts'
import { type HostJson, readHostJson } from './host-json.ts'
import { describe, type HostLog } from './host-log.ts'
import type { HostOptions } from './host-process.ts'
import { readHostSettings, readHttp2Port } from './host-settings.ts'
import { readCertificate } from './http/certificate.ts'
import { HttpDispatcher } from './http/dispatcher.ts'
import { type GrpcHandler, WaitingReceiver } from './http/receiver.ts'
import { HttpServer } from './http/server.ts'
import { errorCodes } from './http2/error-codes.ts'
import { refuseGrpc } from './http2/receive-stream.ts'
import { openOutputStorage } from './load-host-storage.ts'
import type { LocalSettings } from './local-settings.ts'
import {
  type BackgroundPlan,
  describeSkipped,
  listRunning,
  planBackgroundTriggers,
} from './plan-background-triggers.ts'
import { endCrashed } from './process-end.ts'
import { type HandBack, HeldMessages } from './queue/held-messages.ts'
import type { HostBus } from './service-bus/host-bus.ts'
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

interface ReadApp {
  readonly options: HostOptions
  readonly appRoot: string
  readonly local: LocalSettings | undefined
  readonly log: HostLog
  readonly bus: HostBus
  readonly core: FunctionsCore
  /** Called with what ends the app in good order, once there is something to end. */
  readonly onServing: (stop: () => Promise<void>) => void
}

/** @throws StartupError when the port is taken, or a setting of the host or of the app is wrong */
export async function serveApp({ options, appRoot, local, log, bus, core, onServing }: ReadApp): Promise<void> {
  const appHookData = {}
  const appContext = Object.defineProperties({ functionAppDirectory: appRoot }, readOnly({ hookData: {}, appHookData }))
  const endApp = () => runAppHooks(core.hooks.appTerminate, appContext)

  // Before the start hooks, so that a busy port is noticed before the app does anything.
  const { server, receiver, port, grpcPort, scheme, defaultHost } = await startServer(options, local).catch(
    async refusal => {
      await endApp()
      throw refusal
    },
  )
  process.env.WEBSITE_HOSTNAME = defaultHost
  await runAppHooks(core.hooks.appStart, appContext)
  core.finishStart()

  const isDevelopment = process.env.AZURE_FUNCTIONS_ENVIRONMENT === 'Development'
  const { hostJson, maxBodyBytes, invisibleMs, unreadResponseMs } = readHostConfiguration(appRoot, isDevelopment)
  server.dropUnreadAfter(unreadResponseMs)
  const { triggers, plan } = planTriggers(core, log)
  const background = openBackground()
  const outputs = openOutputs(hostJson, background)
  const timeout = makeTimeout(hostJson.functionTimeoutMs, log)
  const host: HostContext = { hooks: core.hooks, appHookData, timeout, log, outputs }

  const dispatcher = new HttpDispatcher({
    triggers: listHttpTriggers(triggers, isDevelopment, log),
    routePrefix: hostJson.routePrefix,
    settings: { scheme, defaultHost, maxBodyBytes },
    ignoresKeys: isDevelopment,
    ...host,
  })
  receiver.start({
    request: (incoming, outgoing, expectsContinue) => dispatcher.handle(incoming, outgoing, expectsContinue),
    grpc: core.grpcHandler ? guardGrpc(core.grpcHandler, log) : refuseGrpc,
  })
  onServing(async () => {
    dispatcher.isStopping = true
    await Promise.all([server.drain(drainTimeoutMs), background.stop(drainTimeoutMs)])
    await Promise.race([endApp(), delay(terminateTimeoutMs)])
  })
  const functions = listPlanned(triggers, plan, hostJson)
  announce({ type: 'listening', url: `${scheme}://${defaultHost}`, port, grpcPort, functions })

  // Loading the client of the queues takes about as much computing as the first response, which callers wait for.
  await whenIdle(maxIdleWaitMs)
  flushCompileCache() // also when the process is killed later
  await background.start({ ...hostJson, plan, host, bus, invisibleMs, held: openHeldMessages() })
}

/** Reads host.json, and what the environment says in its place or beside it. @throws StartupError */
function readHostConfiguration(appRoot: string, isDevelopment: boolean) {
  const { queues, ...hostJson } = readHostJson(appRoot, { isDevelopment, processorCount: availableParallelism() })
  const { maxPollingMs, ...settings } = readHostSettings(process.env)
  const maxPollingIntervalMs = maxPollingMs ?? queues.maxPollingIntervalMs
  return { ...settings, hostJson: { ...hostJson, queues: { ...queues, maxPollingIntervalMs } } }
}

/** A message that a function writes to a queue is received at once where this host polls it. */
function openOutputs({ queues: { messageEncoding } }: HostJson, background: BackgroundTriggers): OutputBindings {
  const open = () => openOutputStorage(name => background.wakeAll(name))
  return new OutputBindings({ environment: process.env, messageEncoding, open })
}

/** The supervisor may hand messages back that an earlier process held. */
function openBackground(): BackgroundTriggers {
  const background = new BackgroundTriggers()
  process.on('message', (message: HandBack) => {
    if (message.type === 'hand back') void background.takeBack(message.messages)
  })
  return background
}

/** @returns the triggers that are not disabled, and how those besides HTTP run; the log says what does not run */
function planTriggers(core: FunctionsCore, log: HostLog): { triggers: Trigger[]; plan: BackgroundPlan } {
  const triggers = listTriggers(core.functions.values()).filter(({ fn }) => !isDisabled(fn.name, process.env))
  for (const sentence of unservedBindings(triggers)) log.system('warning', sentence)
  const plan = planBackgroundTriggers(triggers, process.env)
  // With --verbose the list of functions says it.
  if (!log.isVerbose) for (const sentence of describeSkipped(plan)) log.system('warning', sentence)
  return { triggers, plan }
}

function listPlanned(triggers: readonly Trigger[], plan: BackgroundPlan, { routePrefix }: HostJson): ListedFunction[] {
  return listFunctions(triggers, routePrefix, { running: listRunning(plan), skipReasons: plan.skipReasons })
}

function listHttpTriggers(triggers: readonly Trigger[], isDevelopment: boolean, log: HostLog) {
  const http = httpTriggers(triggers)
  const aboutKeys = describeKeys(http, isDevelopment)
  if (aboutKeys !== undefined) log.system('warning', aboutKeys)
  return http
}

/** Tells the supervisor, or says it in the log where there is none. */
function announce(listening: Listening): void {
  const { url, grpcPort } = listening
  if (process.send) process.send(listening)
  else console.log(`Listening on ${url}${grpcPort === undefined ? '' : `, and on port ${grpcPort}`}`)
}

/** @returns undefined without a supervisor */
function openHeldMessages(): HeldMessages | undefined {
  if (!process.send) return undefined
  // Between the end of the supervisor and that of this process nothing is sent.
  return new HeldMessages(holding => process.connected && process.send?.(holding, undefined, undefined, () => {}))
}

/** Requests that come before the receiver is started wait for it. */
async function startServer(options: HostOptions, local: LocalSettings | undefined) {
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
