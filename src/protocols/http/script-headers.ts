import type { WireRequest } from './wire.ts'

/** The key is checked already, and the body is unpacked. */
const notForScripts = new Set(['authorization', 'content-encoding', 'grpc-encoding'])

/**
 * The headers of a request for scripts that take them. Names with `_` do not get through the front end of Azure ML's server
 * (guide/contract.md).
 */
export function headersForScripts(headers: WireRequest['headers']): [string, string][] {
  return [...headers.entries()].filter(([name]) => !notForScripts.has(name.toLowerCase()) && !name.includes('_'))
}
