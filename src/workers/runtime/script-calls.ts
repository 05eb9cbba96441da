/** What a script that was called does later, when nobody waits for it any more, is told from what it does for its caller. */
import { AsyncLocalStorage } from 'node:async_hooks'
import type { Feeds } from '../../models/session/model-session.ts'
import type { Script } from '../../scripts/script.ts'
import { logLeftBehind } from './thread-log.ts'

/** One call of a function of the owner's, until what it returned has settled. */
interface Call {
  /** Ends the call with an error that nobody caught; undefined: it is over. */
  fail: ((error: unknown) => void) | undefined
}

const calls = new AsyncLocalStorage<Call>()

/**
 * From here on an error that nobody catches (a rejected promise that nobody awaits, a throw out of a timer) does not end
 * the thread. It fails the call that it comes from, as an error that the call throws would; where that is over, or cannot
 * be told, it is logged.
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

/** @returns what `work` returns, or a promise of it that rejects with what nobody catches meanwhile */
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

/** The same script, with what is its owner's called by `call`. */
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
