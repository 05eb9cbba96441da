import type { ScoringAnswer } from '../engine/hand-over.ts'
import { ScoringError } from '../errors.ts'
import { encode, type NonFinite } from '../tensor/python-json.ts'

/** How a service writes its answers (`service.json`, `response`). */
export interface ResponseStyle {
  readonly encoding: 'json' | 'json-string'
  readonly nonFinite: NonFinite
}

/**
 * What `run` returned, as it goes over the wire: a `Response` as it is, anything else as JSON; nothing is `{}`
 * (Azure ML contract, section 5).
 *
 * @throws ScoringError OUTPUT_NOT_SERIALISABLE
 */
export async function encodeResult(result: unknown, execMs: number, style: ResponseStyle): Promise<ScoringAnswer> {
  if (result instanceof Response) {
    return {
      status: result.status,
      headers: [...result.headers],
      body: new Uint8Array(await result.arrayBuffer()),
      execMs,
    }
  }
  try {
    const json = result === undefined || result === null ? '{}' : encode(result, style.nonFinite)
    return { json: style.encoding === 'json-string' ? encode(json) : json, execMs }
  } catch (cause) {
    throw new ScoringError(
      'OUTPUT_NOT_SERIALISABLE',
      'An unexpected internal error occurred. Check the logs for more info.',
      { cause },
    )
  }
}
