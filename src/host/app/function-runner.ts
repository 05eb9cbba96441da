import type { EffectiveFunctionOptions, TriggerMetadata } from '@azure/functions'
import { describe, type HostLog } from '../host-log.ts'
import type { FunctionTimeout } from './function-timeout.ts'
import type { FunctionHandler, FunctionsCore, RegisteredFunction } from './functions-core.ts'
import { EmbeddedInvocationContext, effectiveOptions } from './invocation-context.ts'
import { invokeWithHooks } from './invocation-hooks.ts'

/** What every invocation of the process shares. */
export interface HostContext {
  readonly hooks: FunctionsCore['hooks']
  readonly appHookData: object
  readonly timeout: FunctionTimeout
  readonly log: HostLog
}

export interface Invocation {
  /** Why the function runs, as the log says it. */
  readonly reason: string
  readonly input: unknown
  readonly triggerMetadata?: TriggerMetadata
}

/** Runs one function that no request waits for: with hooks, and with the log lines of the real host. */
export class FunctionRunner {
  readonly #name: string
  readonly #handler: FunctionHandler
  readonly #options: EffectiveFunctionOptions
  readonly #host: HostContext

  constructor(fn: RegisteredFunction, host: HostContext) {
    this.#name = fn.name
    this.#handler = fn.handler
    this.#options = effectiveOptions(fn)
    this.#host = host
  }

  /** @returns whether it succeeded; a failure is in the log then, with its error */
  async run({ reason, input, triggerMetadata }: Invocation): Promise<boolean> {
    const { hooks, appHookData, timeout, log } = this.#host
    const context = new EmbeddedInvocationContext(this.#name, this.#options, log)
    context.triggerMetadata = triggerMetadata
    const id = context.invocationId
    const startedAt = performance.now()
    const outcome = (how: string) =>
      `Executed 'Functions.${this.#name}' (${how}, Id=${id}, Duration=${Math.round(performance.now() - startedAt)}ms)`
    log.write('debug', 'system', `Executing 'Functions.${this.#name}' (Reason='${reason}', Id=${id})`, context)
    timeout.begin(context)
    try {
      await invokeWithHooks(hooks, this.#handler, input, context, appHookData)
      log.write('debug', 'system', outcome('Succeeded'), context)
      return true
    } catch (error) {
      log.write('error', 'system', `${outcome('Failed')}\n${describe(error)}`, context)
      return false
    } finally {
      timeout.end(context)
    }
  }
}
