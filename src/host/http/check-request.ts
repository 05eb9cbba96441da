import type { IncomingMessage } from 'node:http'
import { ScoringError } from '../../errors.ts'

/** Most header fields of a request: the limit of Kestrel, on which Azure Functions runs (MaxRequestHeaderCount). */
export const maxHeaderFields = 100

/** @returns why a request that Node's parser has accepted is refused all the same; undefined when it is not */
export function checkRequest(incoming: IncomingMessage): ScoringError | undefined {
  const { rawHeaders, httpVersion, method, url } = incoming
  if (httpVersion === '0.9') return malformed('The request line must end with the HTTP version: HTTP/1.1.')
  if (httpVersion !== '1.1' && httpVersion !== '1.0')
    return new ScoringError('HTTP_VERSION_UNSUPPORTED', `This server supports HTTP/1.1, not HTTP/${httpVersion}.`)
  if (rawHeaders.length > 2 * maxHeaderFields)
    return new ScoringError('HEADERS_TOO_LARGE', `A request may have ${maxHeaderFields} header fields at most.`)
  const hosts = hostValues(rawHeaders)
  if (hosts.length === 0 && httpVersion === '1.1') return malformed('An HTTP/1.1 request needs a Host header.')
  if (hosts.length > 1 || !hosts.every(isHost))
    return malformed('The Host header must name one host, with or without a port.')
  if (!isTarget(method as string, url as string))
    return malformed('The target of a request must be a path or an http URL.')
  return undefined
}

export function malformed(message: string): ScoringError {
  return new ScoringError('REQUEST_MALFORMED', message)
}

/** `uri-host [":" port]` (RFC 9112, section 3.2; RFC 3986, section 3.2.2). */
const hostPattern = /^(\[[0-9a-f:.]+\]|([-\w.~!$&'()*+,;=]|%[0-9a-f]{2})+)(:\d*)?$/i

/** The last valid value: usually all requests have the same. */
let knownHost = ''

/** Whether the value of a Host header names a host. It is empty for URLs that have none. */
export function isHost(value: string): boolean {
  if (value === '' || value === knownHost) return true
  // The grammar allows ports, IP numbers and escapes that no URL may have.
  if (!hostPattern.test(value) || !URL.canParse(`http://${value}/`)) return false
  knownHost = value
  return true
}

/**
 * @param rawHeaders  name, value, name, value …
 * @returns the values of all Host headers
 */
export function hostValues(rawHeaders: readonly string[]): string[] {
  const hosts: string[] = []
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] as string
    if (name.length === 4 && name.toLowerCase() === 'host') hosts.push(rawHeaders[index + 1] as string)
  }
  return hosts
}

/**
 * Whether a request target has a form that servers accept: a path, a whole URL as proxies send it, or `*` for OPTIONS
 * (RFC 9112, section 3.2).
 */
function isTarget(method: string, target: string): boolean {
  if (target.startsWith('/')) return true
  if (target === '*') return method === 'OPTIONS'
  return /^https?:\/\/[^/?#]/i.test(target) && URL.canParse(target)
}
