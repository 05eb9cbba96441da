import type { IncomingHttpHeaders } from 'node:http2'
import { ScoringError } from '../../errors.ts'
import { hostValues, isHost, malformed, maxHeaderFields } from '../http/check-request.ts'
import { maxHeadBytes, tunnelRefused } from '../http/refusal.ts'

/** What each field counts for beside its name and its value (RFC 9113, section 6.5.2). */
const fieldOverhead = 32

/**
 * @param rawHeaders  all fields: name, value, name, value …
 * @param fields      those that do not begin with a colon
 * @returns why a request that nghttp2 has accepted is refused all the same; undefined when it is not
 */
export function checkStream(
  headers: IncomingHttpHeaders,
  rawHeaders: readonly string[],
  fields: readonly string[],
): ScoringError | undefined {
  if (headers[':method'] === 'CONNECT') return tunnelRefused()
  if (fields.length > 2 * maxHeaderFields)
    return new ScoringError('HEADERS_TOO_LARGE', `A request may have ${maxHeaderFields} header fields at most.`)
  const size = rawHeaders.reduce((sum, { length }) => sum + length + fieldOverhead / 2, 0)
  if (size > maxHeadBytes)
    return new ScoringError(
      'HEADERS_TOO_LARGE',
      `The header fields of a request may have at most ${maxHeadBytes} bytes, with ${fieldOverhead} more for each.`,
    )
  const hosts = hostValues(fields)
  const authority = headers[':authority'] ?? hosts[0]
  if (authority === undefined || !isHost(authority) || hosts.some(host => host !== authority))
    return malformed('The :authority of a request must name one host, with or without a port, and Host the same.')
  return undefined
}
