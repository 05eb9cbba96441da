/** The routes of the Azure ML contract, each one function from request to answer. None of them ever throws. */
import { challenge } from '../auth/bearer.ts'
import { asScoringError, ScoringError } from '../errors.ts'
import type { ScoringService } from '../scoring/scoring-service.ts'
import { decodeRequest, encodeAnswer, encodeEmpty, encodeError, encodeHealthy } from './azureml.ts'
import { attemptOf } from './client-address.ts'
import { compressAnswer } from './content-encoding.ts'
import { corsHeaders } from './cors.ts'
import { requestIdsOf } from './request-ids.ts'
import type { WireRequest, WireResponse } from './wire.ts'

/** `…/score`: authorize, read, hand over, answer. */
export async function answerScore(
  request: WireRequest,
  find: () => ScoringService | Promise<ScoringService>,
): Promise<WireResponse> {
  const ids = requestIdsOf(request.headers)
  const { headers } = ids
  let service: ScoringService | undefined
  try {
    refuseTrailingSlash(request)
    service = await find()
    refuseMethod(request.method, service)
    Object.assign(headers, corsHeaders(service.definition.cors, request))
    if (ids.fault) throw ids.fault
    if (request.method === 'OPTIONS' && !isForScript(service, request)) return encodeEmpty(headers)
    await authorize(service, request) // before the body is read
    const { scriptKind, executionProvider } = service.requireReady()
    headers['x-scoring-execution-provider'] = executionProvider
    const scoring = await decodeRequest(request, service.definition.limits.maxBodyBytes, scriptKind)
    const answer = await service.score(scoring, () => request.isAbandoned === true)
    return await compressAnswer(encodeAnswer(answer, headers), request.headers.get('accept-encoding'))
  } catch (failure) {
    return answerFailure(failure, headers, service?.name)
  }
}

/** `GET /api/v1/service/{service}`: `Healthy`, or 503. */
export async function answerServiceHealth(
  request: WireRequest,
  find: () => Promise<ScoringService>,
): Promise<WireResponse> {
  try {
    const service = await find()
    allow(request.method, ['GET', 'HEAD', 'OPTIONS'])
    if (request.method === 'OPTIONS') return encodeEmpty({ allow: 'HEAD, GET, OPTIONS' })
    service.requireReady()
    service.requireKeys()
    return encodeHealthy()
  } catch (failure) {
    return answerFailure(failure, {})
  }
}

/** `GET /`: the server runs. */
export function answerRoot(request: WireRequest): WireResponse {
  try {
    allow(request.method, ['GET', 'HEAD', 'OPTIONS'])
    return request.method === 'OPTIONS' ? encodeEmpty({ allow: 'HEAD, GET, OPTIONS' }) : encodeHealthy()
  } catch (failure) {
    return answerFailure(failure, {})
  }
}

/** Any other path. */
export function answerUnknownPath(): WireResponse {
  return encodeError(pathUnknown(), {})
}

/** Any failure as an answer; what is not the caller's goes to the log with its cause. */
export function answerFailure(failure: unknown, headers: Record<string, string>, service?: string): WireResponse {
  const error = asScoringError(failure)
  if (error.code === 'INTERNAL') console.error('unexpected failure:', error.cause)
  // The framework's router answers these two without ids.
  if (error.code === 'PATH_UNKNOWN' || error.code === 'METHOD_NOT_ALLOWED') return encodeError(error, {})
  const demand = service === undefined ? undefined : challenge(service, error.code)
  return encodeError(error, demand === undefined ? headers : { ...headers, 'www-authenticate': demand })
}

/** @throws ScoringError as its `Authorizer` says */
export function authorize(service: ScoringService, request: WireRequest): void | Promise<void> {
  return service.authorizer?.authorize(request.headers.get('authorization'), attemptOf(request))
}

/** A raw-HTTP script sees OPTIONS too, but for the preflights of browsers, which bring no key. */
function isForScript(service: ScoringService, request: WireRequest): boolean {
  if (service.report?.scriptKind !== 'rawHttp') return false
  return service.definition.cors.origins.length === 0 || request.headers.get('access-control-request-method') === null
}

function refuseMethod(method: string, service: ScoringService): void {
  if (method === 'HEAD' && service.report?.scriptKind !== 'rawHttp') {
    throw new ScoringError('METHOD_NOT_ALLOWED', 'Method not allowed')
  }
  allow(method, ['GET', 'POST', 'OPTIONS', 'HEAD'])
}

/** @throws ScoringError METHOD_NOT_ALLOWED */
export function allow(method: string, methods: readonly string[]): void {
  if (!methods.includes(method)) {
    throw new ScoringError('METHOD_NOT_ALLOWED', 'The method is not allowed for the requested URL.')
  }
}

/** The host takes `…/score/` for the same route; the original's router does not. */
export function refuseTrailingSlash({ url }: WireRequest): void {
  const query = url.indexOf('?')
  if (url[(query < 0 ? url.length : query) - 1] === '/') throw pathUnknown()
}

function pathUnknown(): ScoringError {
  const advice = 'If you entered the URL manually please check your spelling and try again.'
  return new ScoringError('PATH_UNKNOWN', `The requested URL was not found on the server. ${advice}`)
}
