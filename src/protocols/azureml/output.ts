import { ScoringError } from '../../errors.ts'
import type { Output, ScriptResponse } from '../../scheduling/inference-result.ts'
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
export async function encodeResult(
  result: unknown,
  style: ResponseStyle,
): Promise<Output<Uint8Array | ReadableStream<Uint8Array>>> {
  try {
    if (isResponse(result)) return await encodeResponse(result)
    const json = result === undefined || result === null ? '{}' : encode(result, style.nonFinite)
    return { kind: 'encoded', body: style.encoding === 'json-string' ? encode(json) : json }
  } catch (cause) {
    const message = 'An unexpected internal error occurred. Check the logs for more info.'
    throw new ScoringError('OUTPUT_NOT_SERIALISABLE', message, { cause })
  }
}

async function encodeResponse(response: Response): Promise<ScriptResponse<Uint8Array | ReadableStream<Uint8Array>>> {
  const { status, headers, body } = response
  if (status < 200) throw new TypeError('Response.error() is no answer')
  return { kind: 'response', status, headers: [...headers], body: await readAhead(body) }
}
