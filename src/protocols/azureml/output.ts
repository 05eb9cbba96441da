import { ScoringError } from '../../errors.ts'
import type { ScoringAnswer } from '../../scheduling/dispatch.ts'
import type { NonFinite } from '../../tensor/json-elements.ts'
import { encode } from '../../tensor/python-json.ts'
import { isResponse } from '../http/is-response.ts'
import { readAhead } from '../http/read-ahead.ts'

/** How a service writes its answers (`service.json`, `response`). */
export interface ResponseStyle {
  readonly encoding: 'json' | 'json-string'
  readonly nonFinite: NonFinite
}

/**
 * What `run` returned, as it goes over the wire: a `Response` as it is and comes, anything else as JSON; nothing is `{}`
 * (Azure ML contract, section 5).
 *
 * @throws ScoringError OUTPUT_NOT_SERIALISABLE
 */
export async function encodeResult(result: unknown, execMs: number, style: ResponseStyle): Promise<ScoringAnswer> {
  try {
    if (isResponse(result)) return await encodeResponse(result, execMs)
    const json = result === undefined || result === null ? '{}' : encode(result, style.nonFinite)
    return { json: style.encoding === 'json-string' ? encode(json) : json, execMs }
  } catch (cause) {
    const message = 'An unexpected internal error occurred. Check the logs for more info.'
    throw new ScoringError('OUTPUT_NOT_SERIALISABLE', message, { cause })
  }
}

async function encodeResponse(response: Response, execMs: number): Promise<ScoringAnswer> {
  const { status, headers, body } = response
  if (status < 200) throw new TypeError('Response.error() is no answer')
  return { status, headers: [...headers], body: await readAhead(body), execMs }
}
