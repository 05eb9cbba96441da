import { StartupError } from '../../errors.ts'
import type { Binding, RegisteredFunction } from './functions-core.ts'
import { isTrigger } from './invocation-context.ts'

/** A registered function and what starts it; each part of the host takes the types that it serves. */
export interface Trigger {
  readonly fn: RegisteredFunction
  /** e.g. `httpTrigger`, `queueTrigger` */
  readonly type: string
  readonly binding: Binding
}

export interface HttpTrigger extends Trigger {
  /** Template after the route prefix. */
  readonly route: string
  /** In upper case. */
  readonly methods: readonly string[]
}

/** What the start banner says of a function. */
export interface ListedFunction {
  readonly name: string
  readonly type: string
  readonly isRun: boolean
  /** Why it is not run, where that can be mended. */
  readonly skipReason?: string
  readonly methods?: readonly string[]
  /** Path with its parameters, e.g. `/api/items/{id}`. */
  readonly path?: string
}

/** @throws StartupError when a function has no trigger */
export function listTriggers(functions: Iterable<RegisteredFunction>): Trigger[] {
  return [...functions].map(fn => {
    const binding = Object.values(fn.metadata.bindings).find(isTrigger)
    if (!binding) throw new StartupError(`function "${fn.name}" has no trigger`)
    return { fn, type: binding.type, binding }
  })
}

export function httpTriggers(triggers: readonly Trigger[]): HttpTrigger[] {
  return triggers.filter(isHttp).map(trigger => {
    const { route, methods } = trigger.binding as { route?: string; methods?: readonly string[] }
    return {
      ...trigger,
      // The host takes an empty route for none (host WebScriptHostHttpRoutesManager).
      route: route || trigger.fn.name,
      methods: (methods ?? ['GET', 'POST']).map(method => method.toUpperCase()),
    }
  })
}

/**
 * HTTP first, as `func start` lists them.
 *
 * @param run     names of the functions without HTTP that this host runs
 * @param skipReason  by the name of the function
 */
export function listFunctions(
  triggers: readonly Trigger[],
  routePrefix: string,
  run: ReadonlySet<string>,
  skipReason: ReadonlyMap<string, string>,
): ListedFunction[] {
  const http = httpTriggers(triggers).map(({ fn, type, methods, route }) => ({
    name: fn.name,
    type,
    isRun: true,
    methods,
    path: `/${[routePrefix, route.replace(/^\//, '')].filter(part => part !== '').join('/')}`,
  }))
  const others = triggers
    .filter(trigger => !isHttp(trigger))
    .map(({ fn: { name }, type }) => {
      const reason = skipReason.get(name)
      return { name, type, isRun: run.has(name), ...(reason === undefined ? {} : { skipReason: reason }) }
    })
  return [...http, ...others]
}

/** One sentence for each input and output that a function registers and nobody will fill or write. */
export function unservedBindings(triggers: readonly Trigger[]): string[] {
  return triggers.flatMap(({ fn }) =>
    Object.entries(fn.metadata.bindings)
      .filter(([name, binding]) => !isTrigger(binding) && !(name === '$return' && binding.type === 'http'))
      .map(([, { type, direction }]) => {
        const what =
          direction === 'in'
            ? `an input of type ${type}: it stays undefined`
            : `an output of type ${type}: nothing is written to it`
        return `Function '${fn.name}' has ${what}, because this host runs triggers alone.`
      }),
  )
}

function isHttp({ type }: Trigger): boolean {
  return type.toLowerCase() === 'httptrigger'
}
