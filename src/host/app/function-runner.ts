import type { EffectiveFunctionOptions, TriggerMetadata } from '@azure/functions'
import { describe, type HostLog } from '../host-log.ts'
import type { FunctionTimeout } from './function-timeout.ts'
import type { RegisteredFunction } from './functions-core.ts'
import { EmbeddedInvocationContext, effectiveOptions } from './invocation-context.ts'
import { type AppHooks, invokeWithHooks } from './invocation-hooks.ts'
import type { OutputBindings } from './output-bindings.ts'

/** Shared by all invocations of the process. */
export interface HostContext extends AppHooks {
  readonly timeout: FunctionTimeout
  readonly log: HostLog
  /** Absent: nothing is written. */
  readonly outputs?: OutputBindings
}

export interface Invocation {
  /** The reason for the run, as the log says it. */
  readonly reason: string
  readonly input: unknown
  readonly triggerMetadata?: TriggerMetadata
}

/** Runs one function for triggers other than HTTP: with hooks, and with the log lines of the real host. */
export class FunctionRunner {
  readonly #fn: RegisteredFunction
  readonly #options: EffectiveFunctionOptions
  readonly #host: HostContext

  constructor(fn: RegisteredFunction, host: HostContext) {
    this.#fn = fn
    this.#options = effectiveOptions(fn)
    this.#host = host
  }

  /** @returns whether it succeeded; a failure has been logged with its error */
  async run({ reason, input, triggerMetadata }: Invocation): Promise<boolean> {
    const { timeout, log } = this.#host
    const { name, handler } = this.#fn
    const context = new EmbeddedInvocationContext(name, this.#options, log)
    context.triggerMetadata = triggerMetadata
    const startedAt = performance.now()
    log.system('debug', startLine(context, reason), context)
    timeout.begin(context)
    try {
      const result = await invokeWithHooks(this.#host, { handler, input, context })
      await this.#host.outputs?.write(this.#fn, context, result)
      log.system('debug', endLine(context, 'Succeeded', startedAt), context)
      return true
    } catch (error) {
      log.system('error', `${endLine(context, 'Failed', startedAt)}\n${describe(error)}`, context)
      return false
    } finally {
      timeout.end(context)
    }
  }
}

/** The line of the real host for an invocation that starts. */
export function startLine({ functionName, invocationId }: EmbeddedInvocationContext, reason: string): string {
  return `Executing 'Functions.${functionName}' (Reason='${reason}', Id=${invocationId})`
}

/**
 * The line of the real host for an invocation that has ended.
 *
 * @param startedAt  as `performance.now()`
 * @param requestId  the `x-request-id` of an HTTP request, if it has one
 */
export function endLine(
  { functionName, invocationId }: EmbeddedInvocationContext,
  outcome: 'Succeeded' | 'Failed',
  startedAt: number,
  requestId?: unknown,
): string {
  const named = requestId === undefined ? '' : `, RequestId=${String(requestId).replace(/[^\x21-\x7e]/g, '?')}`
  const durationMs = Math.round(performance.now() - startedAt)
  return `Executed 'Functions.${functionName}' (${outcome}, Id=${invocationId}${named}, Duration=${durationMs}ms)`
}
