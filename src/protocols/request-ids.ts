import { randomUUID } from 'node:crypto'
import { ScoringError } from '../errors.ts'
import type { WireRequest } from './wire.ts'

const maxLength = 100

/**
 * Request-id headers of the answer (Azure ML contract, section 2): `x-request-id` is given or new, `x-ms-request-id` is
 * given, or the client's, or `x-request-id`. `TraceId` is echoed.
 */
export interface RequestIds {
  readonly headers: Record<string, string>
  /** REQUEST_ID_TOO_LONG, to be answered before anything else. */
  readonly fault?: ScoringError
}

export function requestIdsOf(headers: WireRequest['headers']): RequestIds {
  const given = headers.get('x-request-id')
  const ms = headers.get('x-ms-request-id')
  const client = headers.get('x-ms-client-request-id')
  const trace = headers.get('traceid')
  const echoed: Record<string, string> = trace === null ? {} : { TraceId: trace }
  if (given !== null && given.length > maxLength) {
    return { headers: echoed, fault: tooLong('x-request-id') }
  }
  if (given === '') return { headers: echoed } // the original then returns none of the three (addendum 4)
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
