import type { EffectiveFunctionOptions } from '@azure/functions'
import { endLine, type HostContext, startLine } from '../app/function-runner.ts'
import type { FunctionHandler } from '../app/functions-core.ts'
import { EmbeddedInvocationContext, effectiveOptions } from '../app/invocation-context.ts'
import { invokeWithHooks } from '../app/invocation-hooks.ts'
import { type HttpTrigger, needsKey } from '../app/triggers.ts'
import { describe } from '../host-log.ts'
import type { IncomingRequest, OutgoingResponse } from './exchange.ts'
import { EmbeddedHttpRequest, type RequestSettings } from './request.ts'
import { type Exchange, writeEmpty, writeResult } from './response.ts'
import { RouteTable } from './route-table.ts'

interface Target {
  readonly name: string
  readonly handler: FunctionHandler
  readonly options: EffectiveFunctionOptions
  /** Asks for a key of Azure Functions, which nobody can have here. */
  readonly isClosed: boolean
}

export interface DispatcherOptions extends HostContext {
  /** Functions that ask for a key of Azure Functions run without one, as with `func start`. */
  readonly ignoresKeys: boolean
  readonly triggers: readonly HttpTrigger[]
  readonly routePrefix: string
  readonly settings: RequestSettings
}

/** One request on its way through its function. */
interface Call {
  readonly handler: FunctionHandler
  readonly request: EmbeddedHttpRequest
  readonly context: EmbeddedInvocationContext
  readonly incoming: IncomingRequest
  readonly outgoing: OutgoingResponse
  /** As `performance.now()`. */
  readonly startedAt: number
}

/**
 * Takes a request to its response: finds the function, calls its handler and writes the result. Every request gets a
 * response, whatever its function does. Only Azure has the keys that the authorization levels `function` and `admin` are about:
 * during development they are ignored, and elsewhere such functions are closed.
 */
export class HttpDispatcher {
  /** The host is stopping: each response closes its connection. */
  isStopping = false
  readonly #options: DispatcherOptions
  readonly #table: RouteTable<Target>

  /** @throws StartupError when a route is not supported */
  constructor(options: DispatcherOptions) {
    this.#options = options
    const entries = options.triggers.map(trigger => ({
      functionName: trigger.fn.name,
      route: trigger.route,
      methods: trigger.methods,
      target: {
        name: trigger.fn.name,
        handler: trigger.fn.handler,
        options: effectiveOptions(trigger.fn),
        isClosed: !options.ignoresKeys && needsKey(trigger),
      },
    }))
    this.#table = new RouteTable(entries, options.routePrefix)
  }

  /** @param expectsContinue  the client waits for `100 Continue` before it sends the body */
  handle(incoming: IncomingRequest, outgoing: OutgoingResponse, expectsContinue: boolean): void {
    const found = this.#table.find(incoming.method as string, incoming.url as string)
    if (found === undefined || found === RouteTable.malformed) {
      const closesConnection = this.isStopping || expectsContinue
      writeEmpty({ incoming, outgoing, isBodyRequested: false, closesConnection }, found === undefined ? 404 : 400)
      return
    }
    const { hooks, settings, log } = this.#options
    const { target, params } = found
    if (target.isClosed) {
      const closesConnection = this.isStopping || expectsContinue
      writeEmpty({ incoming, outgoing, isBodyRequested: false, closesConnection }, 401)
      return
    }
    const request = new EmbeddedHttpRequest({ incoming, outgoing, params, settings, expectsContinue })
    const context = new EmbeddedInvocationContext(target.name, target.options, log)
    const call = { handler: target.handler, request, context, incoming, outgoing, startedAt: performance.now() }
    const isObserved = hooks.preInvocation.length > 0 || hooks.postInvocation.length > 0 || log.isVerbose
    if (isObserved) this.#runObserved(call)
    else this.#run(call)
  }

  async #run(call: Call): Promise<void> {
    const { timeout } = this.#options
    timeout.begin(call.context)
    try {
      const result = await call.handler(call.request, call.context)
      // Writing takes as long as the client takes to read, which is not the function's time.
      timeout.end(call.context)
      const written = writeResult(this.#exchange(call), result)
      if (written) await written
    } catch (error) {
      this.#fail(call, error)
    }
  }

  /** Runs with hooks, and with the lines that `--verbose` prints. */
  async #runObserved(call: Call): Promise<void> {
    const { timeout, log } = this.#options
    const { handler, request, context } = call
    log.system('debug', startLine(context, 'HTTP request'), context)
    timeout.begin(context)
    try {
      const result = await invokeWithHooks(this.#options, { handler, input: request, context })
      timeout.end(context)
      await writeResult(this.#exchange(call), result)
      const requestId = call.incoming.headers['x-request-id']
      log.system('debug', endLine(context, 'Succeeded', call.startedAt, requestId), context)
    } catch (error) {
      this.#fail(call, error)
    }
  }

  #exchange({ incoming, outgoing, request }: Call): Exchange {
    const closesConnection = this.isStopping || request.isContinueOwed
    return { incoming, outgoing, isBodyRequested: request.isBodyRequested, closesConnection }
  }

  #fail(call: Call, error: unknown): void {
    const { context, outgoing, startedAt } = call
    const { timeout, log } = this.#options
    timeout.end(context)
    log.system('error', `${endLine(context, 'Failed', startedAt)}\n${describe(error)}`, context)
    if (outgoing.headersSent) outgoing.destroy()
    else writeEmpty(this.#exchange(call), 500)
  }
}
