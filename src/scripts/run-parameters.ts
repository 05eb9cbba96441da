import type { RequestHeaders } from './api.ts'

/**
 * Converts the headers of a request for `run`: names in Python's title case, in which a word begins after every
 * character that is not a letter (`x-2nd-tHing3` becomes `X-2Nd-Thing3`; guide/contract.md).
 */
export function titledHeaders(headers: readonly (readonly [string, string])[]): RequestHeaders {
  return Object.fromEntries(headers.map(([name, value]) => [titled(name), value]))
}

function titled(name: string): string {
  return name.replace(/[a-z]+/gi, ([first, ...rest]) => `${first?.toUpperCase()}${rest.join('').toLowerCase()}`)
}

/**
 * Warns about parameters of `run` that suggest a misunderstanding: it is called with the input and the headers of the
 * request, whatever its parameters are called.
 *
 * @param file  name of the script in the note, e.g. `iris/score.ts`
 * @returns one line per warning
 */
export function parameterNotes(file: string, module: { readonly run?: unknown; readonly rawHttp?: unknown }): string[] {
  const { run } = module
  if (typeof run !== 'function' || run.length < 2) return []
  const [, second] = parseParameterNames(run)
  const isCalled = second === undefined ? '' : ` ("${second}")`
  if (module.rawHttp === true)
    return [`${file}: run() receives only the request; its second parameter${isCalled} is never set`]
  if (run.length > 2)
    return [`${file}: run() has ${run.length} parameters but receives two: the input and the headers of the request`]
  return second === undefined || /^_|head|req/i.test(second)
    ? []
    : [`${file}: the second parameter of run()${isCalled} receives the headers of the request`]
}

/** Returns the names of the first parameters, if they are plain names. */
function parseParameterNames(run: { toString(): string }): string[] {
  const [, parameters = ''] = /^[^(]*\(([^()={}[\]]*)/.exec(run.toString()) ?? []
  const names = parameters.split(',').map(name => name.trim())
  return names.every(name => /^[\p{L}_$][\p{L}\p{N}_$]*$/u.test(name)) ? names : []
}
