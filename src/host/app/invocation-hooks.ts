import type { FunctionHandler, HookCallback } from './functions-core.ts'

/**
 * Runs a handler between the app's `preInvocation` and `postInvocation` hooks, as the worker does: the first may replace
 * inputs and handler, the second result and error. (worker InvocationHandler.ts)
 *
 * @throws what a hook throws, or the error that is left after the last hook
 */
export async function invokeWithHooks(
  hooks: { readonly preInvocation: readonly HookCallback[]; readonly postInvocation: readonly HookCallback[] },
  handler: FunctionHandler,
  input: unknown,
  invocationContext: object,
  appHookData: object,
): Promise<unknown> {
  const shared = readOnly({ hookData: {}, appHookData, invocationContext })
  const before = withShared(shared, { functionCallback: handler, inputs: [input] })
  for (const hook of hooks.preInvocation) await hook(before)

  const after = withShared(shared, { inputs: before.inputs, result: null as unknown, error: null as unknown })
  try {
    after.result = await before.functionCallback(...before.inputs, invocationContext)
  } catch (error) {
    after.error = error
  }
  for (const hook of hooks.postInvocation) await hook(after)
  if (after.error !== null && after.error !== undefined) throw after.error
  return after.result
}

/** Properties that hooks may look into but not replace. */
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

function withShared<T extends object>(shared: PropertyDescriptorMap, own: T): T {
  return Object.defineProperties(own, shared)
}
