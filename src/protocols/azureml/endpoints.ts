/** The routes of the Azure ML contract beside scoring, and what all routes have in common. None of them ever throws. */
import { ScoringError } from '../../errors.ts'
import type { ScoringService } from '../../inference/scoring-service.ts'
import { corsHeaders } from '../http/cors.ts'
import { challengeHeaders, readFailure } from '../http/failure.ts'
import { readRequestIds } from '../http/request-ids.ts'
import type { WireRequest, WireResponse } from '../http/wire.ts'
import { encodeEmpty, encodeError, encodeHealthy } from './respond.ts'

/** `GET /api/v1/service/{service}`: `Healthy`, or 503. */
export async function answerServiceHealth(
  request: WireRequest,
  find: () => Promise<ScoringService>,
  serverVersion: string | undefined,
): Promise<WireResponse> {
  const ids = readRequestIds(request.headers, serverVersion)
  const { headers } = ids
  try {
    const service = await find()
    allow(request.method, ['GET', 'HEAD', 'OPTIONS'])
    Object.assign(headers, corsHeaders(service.definition.cors, request))
    if (ids.fault) throw ids.fault
    if (request.method === 'OPTIONS') return encodeEmpty({ ...headers, allow: 'HEAD, GET, OPTIONS' })
    service.requireAvailable()
    return encodeHealthy(headers)
  } catch (failure) {
    return answerFailure(failure, headers)
  }
}

/** `GET /`: the server runs. */
export function answerRoot(request: WireRequest, serverVersion: string | undefined): WireResponse {
  const { headers, fault } = readRequestIds(request.headers, serverVersion)
  try {
    allow(request.method, ['GET', 'HEAD', 'OPTIONS'])
    if (fault) throw fault
    if (request.method === 'OPTIONS') return encodeEmpty({ ...headers, allow: 'HEAD, GET, OPTIONS' })
    return encodeHealthy(headers)
  } catch (failure) {
    return answerFailure(failure, headers)
  }
}

/** Any other path. */
export function answerUnknownPath(): WireResponse {
  return encodeError(pathUnknown(), {})
}

/** Any failure as an answer; what is not the caller's goes to the log with its cause. */
export function answerFailure(failure: unknown, headers: Record<string, string>, service?: string): WireResponse {
  const error = readFailure(failure, headers, service)
  // The framework's router answers these two without ids.
  if (error.code === 'PATH_UNKNOWN' || error.code === 'METHOD_NOT_ALLOWED') return encodeError(error, {})
  return encodeError(error, service === undefined ? headers : { ...headers, ...challengeHeaders(error, service) })
}

/** @throws ScoringError METHOD_NOT_ALLOWED */
export function allow(method: string, methods: readonly string[]): void {
  if (!methods.includes(method)) {
    throw new ScoringError('METHOD_NOT_ALLOWED', 'The method is not allowed for the requested URL.')
  }
}

/** The host takes `…/score/` for the same route; the router of Azure ML's server does not. */
export function refuseTrailingSlash({ url }: WireRequest): void {
  const query = url.indexOf('?')
  if (url[(query < 0 ? url.length : query) - 1] === '/') throw pathUnknown()
}

function pathUnknown(): ScoringError {
  const advice = 'If you entered the URL manually please check your spelling and try again.'
  return new ScoringError('PATH_UNKNOWN', `The requested URL was not found on the server. ${advice}`)
}
