/** The answers of the Open Inference Protocol V2 over REST. */
import { ScoringError } from '../../errors.ts'
import type { InferenceResult } from '../../scheduling/inference-result.ts'
import { encode } from '../../tensor/python-json.ts'
import { challengeHeaders, readFailure, retryAfterHeaders } from '../http/failure.ts'
import { unstored, type WireResponse } from '../http/wire.ts'

const json = 'application/json'

/** Bytes of JSON at the beginning of a body, where tensors follow it; of requests as well. */
export const textBytesHeader = 'inference-header-content-length'

/** An answer of JSON. */
export function encodeJson(body: unknown, headers: Record<string, string>, status = 200): WireResponse {
  return { status, headers: { 'content-type': json, ...unstored, ...headers }, body: encode(body) }
}

/** The answer to a request that was scored, or that failed. @throws ScoringError */
export function encodeResult(result: InferenceResult, headers: Record<string, string>): WireResponse {
  switch (result.kind) {
    case 'failure':
      throw new ScoringError(result.code, result.message, result)
    case 'encoded':
      return { status: 200, headers: { 'content-type': json, ...unstored, ...headers }, body: result.body }
    case 'bytes': {
      const own = { 'content-type': 'application/octet-stream', [textBytesHeader]: String(result.textBytes) }
      return { status: 200, headers: { ...own, ...unstored, ...headers }, body: result.body }
    }
    default:
      throw new TypeError(`the open-inference codec writes no ${result.kind}`)
  }
}

/**
 * Any failure as an answer: `{"error": …, "code": …}`. What is not the caller's goes to the log with its cause.
 *
 * @param service  whose credential the caller needs; undefined: none in particular
 */
export function encodeFailure(failure: unknown, headers: Record<string, string>, service?: string): WireResponse {
  const error = readFailure(failure, headers, service)
  const { code, message, status } = error
  const more = { ...challengeHeaders(error, service ?? 'scoring'), ...retryAfterHeaders(error) }
  return { ...encodeJson({ error: message, code }, { ...headers, ...more }, status), errorCode: code }
}
