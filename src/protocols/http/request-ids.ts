import { randomUUID } from 'node:crypto'
import { ScoringError } from '../../errors.ts'
import type { WireRequest } from './wire.ts'

const maxLength = 100

/** Headers of every answer of a handler (guide/contract.md). */
export interface RequestIds {
  /** The ids, and name and version of the server if they are shown. */
  readonly headers: Record<string, string>
  /** REQUEST_ID_TOO_LONG, which is answered before any other failure. */
  readonly fault?: ScoringError
}

/**
 * Reads the ids of a request. `x-request-id` is the given or a new one; `x-ms-request-id` is the given one, else
 * `x-ms-client-request-id`, else `x-request-id`. `TraceId` is echoed.
 *
 * @param serverVersion  value of `x-ms-server-version`; undefined: no such header
 */
export function readRequestIds(headers: WireRequest['headers'], serverVersion?: string): RequestIds {
  const given = headers.get('x-request-id')
  const ms = headers.get('x-ms-request-id') || null // empty counts as absent
  const client = headers.get('x-ms-client-request-id') || null
  const trace = headers.get('traceid')
  const echoed: Record<string, string> = {}
  if (serverVersion !== undefined) echoed['x-ms-server-version'] = serverVersion
  if (trace !== null) echoed.TraceId = trace
  if (given !== null && given.length > maxLength) {
    return { headers: echoed, fault: tooLong('x-request-id') }
  }
  if (given === '') return { headers: echoed } // Azure ML then returns none of the three
  const id = given ?? randomUUID()
  echoed['x-request-id'] = id
  if ((ms?.length ?? 0) > maxLength || (client?.length ?? 0) > maxLength) {
    return { headers: echoed, fault: tooLong('x-ms-request-id and x-ms-client-request-id') }
  }
  echoed['x-ms-request-id'] = ms ?? client ?? id
  const clientId = client ?? ms
  if (clientId !== null) echoed['x-ms-client-request-id'] = clientId
  return { headers: echoed }
}

function tooLong(name: string): ScoringError {
  return new ScoringError('REQUEST_ID_TOO_LONG', `${name} must not exceed ${maxLength} characters`)
}
