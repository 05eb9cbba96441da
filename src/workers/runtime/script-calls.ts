/** Attributes uncaught errors of scripts to the request whose call caused them. */
import { AsyncLocalStorage } from 'node:async_hooks'
import type { Feeds } from '../../models/session/model-session.ts'
import type { Script } from '../../scripts/script.ts'
import { logLeftBehind } from './thread-log.ts'

/** One call of a function of the owner, until its promise has settled. */
interface Call {
  /** Rejects the call with an uncaught error; undefined once the call is over. */
  fail: ((error: unknown) => void) | undefined
}

const calls = new AsyncLocalStorage<Call>()

/**
 * Keeps uncaught errors (a rejected promise without a handler, a throw in a timer) from ending the worker. Such an error fails
 * the call that caused it, as if the call had thrown it; when that call is over, or is not known, the error is logged.
 */
export function outliveLateErrors(): void {
  const onError = (error: unknown) => {
    const fail = calls.getStore()?.fail
    if (fail) fail(error)
    else logLeftBehind(error)
  }
  process.on('uncaughtException', onError)
  process.on('unhandledRejection', onError)
}

/** @returns what `work` returns; its promise also rejects with an uncaught error that the call causes meanwhile */
export function callScript<T>(work: () => T): T {
  const call: Call = { fail: undefined }
  const result = calls.run(call, work)
  if (!isThenable(result)) return result
  return new Promise((resolve, reject) => {
    const over = <Value>(settle: (value: Value) => void) => {
      return (value: Value) => {
        call.fail = undefined
        settle(value)
      }
    }
    call.fail = over(reject)
    result.then(over(resolve), over(reject))
  }) as T
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | null | undefined)?.then === 'function'
}

type Of<Kind extends Script['kind']> = Extract<Script, { kind: Kind }>

/** Wraps the owner's functions of a script in `call`. */
export function withCalls(script: Script, call: typeof callScript): Script {
  if (script.kind === 'rows') return rowsWithCalls(script, call)
  if (script.kind === 'preprocessing') {
    const preprocess: Of<'preprocessing'>['preprocess'] = (...given) => call(() => script.preprocess(...given))
    return { ...script, preprocess, run: (feeds: Feeds) => call(() => script.run(feeds)) }
  }
  if (script.kind === 'rawHttp') return { ...script, run: (request: Request) => call(() => script.run(request)) }
  if (script.kind === 'raw') {
    const run: Of<'raw'>['run'] = (...given) => call(() => script.run(...given))
    return { ...script, run }
  }
  const run: Of<'object'>['run'] = (...given) => call(() => script.run(...given))
  const decode: Of<'object'>['decode'] = (...given) => call(() => script.decode(...given))
  return { ...script, decode, run }
}

function rowsWithCalls(script: Of<'rows'>, call: typeof callScript): Of<'rows'> {
  const { customContentTypes } = script
  return {
    ...script,
    customContentTypes: customContentTypes && {
      ...customContentTypes,
      decode: body => call(() => customContentTypes.decode(body)),
    },
    run: (...given) => call(() => script.run(...given)),
  }
}
