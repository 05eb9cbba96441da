import { StartupError } from '../../errors.ts'
import type { Binding, RegisteredFunction } from './functions-core.ts'
import { isTrigger } from './invocation-context.ts'
import { isServedOutput } from './output-bindings.ts'

/** A registered function and its trigger. */
export interface Trigger {
  readonly fn: RegisteredFunction
  /** e.g. `httpTrigger`, `queueTrigger` */
  readonly type: string
  readonly binding: Binding
}

export interface HttpTrigger extends Trigger {
  /** Without the route prefix. */
  readonly route: string
  /** In upper case. */
  readonly methods: readonly string[]
}

/** A function as the start screen lists it. */
export interface ListedFunction {
  readonly name: string
  readonly type: string
  readonly isRunning: boolean
  /** The reason why it does not run, where that can be changed. */
  readonly skipReason?: string | undefined
  readonly methods?: readonly string[]
  /** Path with its parameters, e.g. `/api/items/{id}`. */
  readonly path?: string
}

/** Azure's host starts no function of another name, nor one that is called "host". (sdk FunctionNameAttribute) */
const functionName = /^(?!host$)[a-z][\w-]{0,127}$/i

/** @throws StartupError when a function has no trigger, or a name that Azure does not accept */
export function listTriggers(functions: Iterable<RegisteredFunction>): Trigger[] {
  return [...functions].map(fn => {
    if (!functionName.test(fn.name)) {
      const rule = '1 to 128 letters of a-z, digits, "-" and "_", a letter first, and not "host"'
      throw new StartupError(`function name "${fn.name}" is not valid: it must be ${rule}`)
    }
    const binding = Object.values(fn.metadata.bindings).find(isTrigger)
    if (!binding) throw new StartupError(`function "${fn.name}" has no trigger`)
    return { fn, type: binding.type, binding }
  })
}

/** Whether the setting `AzureWebJobs.<name>.Disabled` turns a function off ("How to disable functions in Azure Functions"). */
export function isDisabled(name: string, environment: NodeJS.ProcessEnv): boolean {
  return /^(true|1)$/i.test(environment[`AzureWebJobs.${name}.Disabled`] ?? '')
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

/** Whether Azure's host asks for a key of the function, the app or the host. (lib: anonymous by default) */
export function needsKey({ binding }: Trigger): boolean {
  return typeof binding.authLevel === 'string' && binding.authLevel.toLowerCase() !== 'anonymous'
}

/** @returns a sentence about functions that ask for a key of Azure Functions; undefined: there are none */
export function describeKeys(triggers: readonly HttpTrigger[], ignoresKeys: boolean): string | undefined {
  const names = triggers.filter(needsKey).map(({ fn }) => `'${fn.name}'`)
  if (names.length === 0) return undefined
  const what = `ask for a key of Azure Functions (authLevel), and only Azure has those: ${names.join(', ')}.`
  return ignoresKeys
    ? `These functions ${what} During development they run without one.`
    : `These functions ${what} They answer 401 here.`
}

/** The functions without an HTTP trigger that run, and the reasons why others do not, by name. */
export interface BackgroundState {
  readonly running: ReadonlySet<string>
  readonly skipReasons: ReadonlyMap<string, string>
}

/** Lists the functions in the order of `func start`: HTTP first. */
export function listFunctions(
  triggers: readonly Trigger[],
  routePrefix: string,
  { running, skipReasons }: BackgroundState,
): ListedFunction[] {
  const http = httpTriggers(triggers).map(({ fn, type, methods, route }) => ({
    name: fn.name,
    type,
    isRunning: true,
    methods,
    path: `/${[routePrefix, route.replace(/^\//, '')].filter(part => part !== '').join('/')}`,
  }))
  const others = triggers
    .filter(trigger => !isHttp(trigger))
    .map(({ fn: { name }, type }) => ({
      name,
      type,
      isRunning: running.has(name),
      skipReason: skipReasons.get(name),
    }))
  return [...http, ...others]
}

/** Returns one sentence for each input and output that a function registers and this host does not serve. */
export function unservedBindings(triggers: readonly Trigger[]): string[] {
  return triggers.flatMap(trigger =>
    Object.entries(trigger.fn.metadata.bindings)
      .filter(([name, binding]) => !isTrigger(binding) && !(name === '$return' && binding.type === 'http'))
      .filter(([, binding]) => isHttp(trigger) || !isServedOutput(binding))
      .map(([, { type, direction }]) => {
        const consequence =
          direction === 'in'
            ? `an input of type ${type}: it stays undefined`
            : `an output of type ${type}: nothing is written to it`
        return `Function '${trigger.fn.name}' has ${consequence}, because this host serves ${isHttp(trigger) ? 'no bindings of HTTP functions' : 'outputs to queues and blobs only'}.`
      }),
  )
}

function isHttp({ type }: Trigger): boolean {
  return type.toLowerCase() === 'httptrigger'
}
