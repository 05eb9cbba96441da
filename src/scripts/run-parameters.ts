import type { RequestHeaders } from './api.ts'

/**
 * The headers of a request as `run` receives them: names in Python's title case, which begins a word after everything
 * that is no letter (`x-2nd-tHing3` becomes `X-2Nd-Thing3`; Azure ML contract, addendum 12).
 */
export function titledHeaders(headers: readonly (readonly [string, string])[]): RequestHeaders {
  return Object.fromEntries(headers.map(([name, value]) => [titled(name), value]))
}

function titled(name: string): string {
  return name.replace(/[a-z]+/gi, ([first, ...rest]) => `${first?.toUpperCase()}${rest.join('').toLowerCase()}`)
}

/**
 * What the owner of a script may take for granted of `run`'s parameters, and is not so: it is called with the input and
 * the headers of the request, whatever its parameters are called.
 *
 * @param file  what to call it in the note, e.g. `iris/score.ts`
 * @returns a line for each surprise
 */
export function parameterNotes(file: string, module: { readonly run?: unknown; readonly rawHttp?: unknown }): string[] {
  const { run } = module
  if (typeof run !== 'function' || run.length < 2) return []
  const [, second] = parseParameterNames(run)
  const isCalled = second === undefined ? '' : ` ("${second}")`
  if (module.rawHttp === true)
    return [`${file}: run() receives the request alone, its second parameter${isCalled} nothing`]
  if (run.length > 2)
    return [`${file}: run() has ${run.length} parameters and receives two, the input and the headers of the request`]
  return second === undefined || /^_|head|req/i.test(second)
    ? []
    : [`${file}: the second parameter of run()${isCalled} receives the headers of the request`]
}

/** Names of the first parameters, as far as they are plain names. */
function parseParameterNames(run: { toString(): string }): string[] {
  const [, parameters = ''] = /^[^(]*\(([^()={}[\]]*)/.exec(run.toString()) ?? []
  const names = parameters.split(',').map(name => name.trim())
  return names.every(name => /^[\p{L}_$][\p{L}\p{N}_$]*$/u.test(name)) ? names : []
}
