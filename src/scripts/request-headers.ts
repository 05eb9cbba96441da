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
