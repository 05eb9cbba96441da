import type { FunctionHandler, FunctionsCore, HookCallback } from './functions-core.ts'

/** The app's hooks, and the data that they share for as long as the process runs. */
export interface AppHooks {
  readonly hooks: FunctionsCore['hooks']
  readonly appHookData: object
}

export interface HookedCall {
  readonly handler: FunctionHandler
  readonly input: unknown
  readonly context: object
}

/**
 * Runs a handler between the app's `preInvocation` and `postInvocation` hooks, as the worker does: the first may replace
 * inputs and handler, the second result and error. (worker InvocationHandler.ts)
 *
 * @throws what a hook throws, or the error that is left after the last hook
 */
export async function invokeWithHooks({ hooks, appHookData }: AppHooks, call: HookedCall): Promise<unknown> {
  const { handler, input, context } = call
  const shared = readOnly({ hookData: {}, appHookData, invocationContext: context })
  const before = Object.defineProperties({ functionCallback: handler, inputs: [input] }, shared)
  for (const hook of hooks.preInvocation) await hook(before)

  const outcome = { inputs: before.inputs, result: null as unknown, error: null as unknown }
  const after = Object.defineProperties(outcome, shared)
  try {
    after.result = await before.functionCallback(...before.inputs, context)
  } catch (error) {
    after.error = error
  }
  for (const hook of hooks.postInvocation) await hook(after)
  if (after.error !== null && after.error !== undefined) throw after.error
  return after.result
}

/** Runs the hooks of the app's start or end, one after the other. */
export async function runAppHooks(hooks: readonly HookCallback[], context: object): Promise<void> {
  for (const hook of hooks) await hook(context)
}

/** Properties that hooks may read but not replace. */
export function readOnly(values: Readonly<Record<string, object>>): PropertyDescriptorMap {
  const properties: PropertyDescriptorMap = {}
  for (const [name, value] of Object.entries(values)) {
    properties[name] = {
      enumerable: true,
      get: () => value,
      set: () => {
        throw new TypeError(`Cannot assign to read only property '${name}'`)
      },
    }
  }
  return properties
}
