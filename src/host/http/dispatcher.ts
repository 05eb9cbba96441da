import type { IncomingMessage, ServerResponse } from 'node:http'
import type { EffectiveFunctionOptions } from '@azure/functions'
import type { HostContext } from '../app/function-runner.ts'
import type { FunctionHandler } from '../app/functions-core.ts'
import { EmbeddedInvocationContext, effectiveOptions } from '../app/invocation-context.ts'
import { invokeWithHooks } from '../app/invocation-hooks.ts'
import type { HttpTrigger } from '../app/triggers.ts'
import { describe } from '../host-log.ts'
import { EmbeddedHttpRequest, type RequestSettings } from './request.ts'
import { type Exchange, writeEmpty, writeResult } from './response.ts'
import { RouteTable } from './route-table.ts'

interface Target {
  readonly name: string
  readonly handler: FunctionHandler
  readonly options: EffectiveFunctionOptions
}

export interface DispatcherOptions extends HostContext {
  readonly triggers: readonly HttpTrigger[]
  readonly routePrefix: string
  readonly settings: RequestSettings
}

/**
 * From request to answer: finds the function, calls its handler directly and writes what it returned. Every request is
 * answered, whatever its function does; authorization levels are not enforced, as with `func start`.
 */
export class HttpDispatcher {
  /** The host is going down: each answer is the last of its connection. */
  isStopping = false
  readonly #options: DispatcherOptions
  readonly #table: RouteTable<Target>

  /** @throws StartupError when a route is not supported */
  constructor(options: DispatcherOptions) {
    this.#options = options
    const entries = options.triggers.map(({ fn, route, methods }) => ({
      functionName: fn.name,
      route,
      methods,
      target: { name: fn.name, handler: fn.handler, options: effectiveOptions(fn) },
    }))
    this.#table = new RouteTable(entries, options.routePrefix)
  }

  /** @param expectsContinue  the client waits for `100 Continue` before it sends the body */
  handle(incoming: IncomingMessage, outgoing: ServerResponse, expectsContinue: boolean): void {
    const found = this.#table.find(incoming.method as string, incoming.url as string)
    if (found === undefined || found === RouteTable.malformed) {
      const exchange = {
        incoming,
        outgoing,
        isBodyRequested: false,
        closesConnection: this.isStopping || expectsContinue,
      }
      writeEmpty(exchange, found === undefined ? 404 : 400)
      return
    }
    const { hooks, settings, log } = this.#options
    const { target, params } = found
    const request = new EmbeddedHttpRequest(incoming, outgoing, params, settings, expectsContinue)
    const context = new EmbeddedInvocationContext(target.name, target.options, log)
    if (hooks.preInvocation.length > 0 || hooks.postInvocation.length > 0 || log.isVerbose) {
      this.#answerObserved(incoming, outgoing, request, context, target)
    } else {
      this.#answer(incoming, outgoing, request, context, target)
    }
  }

  async #answer(
    incoming: IncomingMessage,
    outgoing: ServerResponse,
    request: EmbeddedHttpRequest,
    context: EmbeddedInvocationContext,
    target: Target,
  ): Promise<void> {
    const startedAt = performance.now()
    this.#options.timeout.begin(context)
    try {
      const result = await target.handler(request, context)
      // What follows takes as long as the client takes to read.
      this.#options.timeout.end(context)
      const written = writeResult(this.#exchange(incoming, outgoing, request), result)
      if (written) await written
    } catch (error) {
      this.#fail(incoming, outgoing, request, context, error, startedAt)
    }
  }

  /** With hooks, and with the lines that `--verbose` prints. */
  async #answerObserved(
    incoming: IncomingMessage,
    outgoing: ServerResponse,
    request: EmbeddedHttpRequest,
    context: EmbeddedInvocationContext,
    target: Target,
  ): Promise<void> {
    const { hooks, appHookData, timeout, log } = this.#options
    const { name } = target
    const startedAt = performance.now()
    const id = context.invocationId
    log.write('debug', 'system', `Executing 'Functions.${name}' (Reason='HTTP request', Id=${id})`, context)
    timeout.begin(context)
    try {
      const result = await invokeWithHooks(hooks, target.handler, request, context, appHookData)
      timeout.end(context)
      await writeResult(this.#exchange(incoming, outgoing, request), result)
      const duration = Math.round(performance.now() - startedAt)
      log.write(
        'debug',
        'system',
        `Executed 'Functions.${name}' (Succeeded, Id=${id}, Duration=${duration}ms)`,
        context,
      )
    } catch (error) {
      this.#fail(incoming, outgoing, request, context, error, startedAt)
    }
  }

  #exchange(incoming: IncomingMessage, outgoing: ServerResponse, request: EmbeddedHttpRequest): Exchange {
    return {
      incoming,
      outgoing,
      isBodyRequested: request.isBodyRequested,
      closesConnection: this.isStopping || request.isContinueOwed,
    }
  }

  #fail(
    incoming: IncomingMessage,
    outgoing: ServerResponse,
    request: EmbeddedHttpRequest,
    context: EmbeddedInvocationContext,
    error: unknown,
    startedAt: number,
  ): void {
    const { functionName: name, invocationId: id } = context
    this.#options.timeout.end(context)
    const duration = Math.round(performance.now() - startedAt)
    const line = `Executed 'Functions.${name}' (Failed, Id=${id}, Duration=${duration}ms)`
    this.#options.log.write('error', 'system', `${line}\n${describe(error)}`, context)
    if (outgoing.headersSent) outgoing.destroy()
    else writeEmpty(this.#exchange(incoming, outgoing, request), 500)
  }
}
