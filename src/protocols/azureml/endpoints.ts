/** The routes of the Azure ML contract, each one function from request to answer. None of them ever throws. */
import { challenge } from '../../auth/bearer.ts'
import { RoleMissing } from '../../auth/token-claims.ts'
import { asScoringError, ScoringError } from '../../errors.ts'
import type { ScoringService } from '../../inference/scoring-service.ts'
import type { LoadReport } from '../../models/session/load-report.ts'
import type { InferenceResult } from '../../scheduling/inference-result.ts'
import type { Patience } from '../../scheduling/waiting-request.ts'
import { readCaller } from '../http/client-address.ts'
import { compressAnswer } from '../http/content-encoding.ts'
import { corsHeaders } from '../http/cors.ts'
import type { BodyAccount } from '../http/read-body.ts'
import { type RequestIds, readRequestIds } from '../http/request-ids.ts'
import { encodeServerTiming } from '../http/server-timing.ts'
import type { WireRequest, WireResponse } from '../http/wire.ts'
import { decodeRequest, encodeAnswer, encodeEmpty, encodeError, encodeHealthy, encodeUncalled } from './answer.ts'
import { patienceOf } from './scoring-timeout.ts'

/** `…/score`, from the head of the request to its answer. */
export async function answerScore(
  request: WireRequest,
  find: () => ScoringService | Promise<ScoringService>,
  serverVersion: string | undefined,
): Promise<WireResponse> {
  const startedAt = performance.now()
  const ids = readRequestIds(request.headers, serverVersion)
  let service: ScoringService | undefined
  let account: BodyAccount | undefined
  let response: WireResponse
  try {
    refuseTrailingSlash(request)
    service = await find()
    account = service.openAccount()
    response = await scoreWith(service, request, ids, account)
  } catch (failure) {
    response = answerFailure(failure, ids.headers, service?.name)
  }
  if (account) releaseWithAnswer(account, request, response)
  service?.metrics?.answered(response.status, response.errorCode, performance.now() - startedAt)
  return response
}

/** Answers from this size on hold their place until the client has taken them: it may be slow, or not read at all. */
const heldAnswerBytes = 65_536

/** The answer stands in the place of the body that it was made of, until it has left. */
function releaseWithAnswer({ held }: BodyAccount, request: WireRequest, { body }: WireResponse): void {
  // Of a stream no more is held than the piece that is being sent.
  const bytes = body === undefined || body instanceof ReadableStream ? 0 : body.length
  if (bytes < heldAnswerBytes || !request.whenAnswered) return held.release()
  held.replace(bytes)
  request.whenAnswered(() => held.release())
}

/** Authorize, read, hand over, answer. */
async function scoreWith(
  service: ScoringService,
  request: WireRequest,
  { headers, fault }: RequestIds,
  account: BodyAccount,
): Promise<WireResponse> {
  allow(request.method, ['GET', 'POST', 'OPTIONS', 'HEAD'])
  Object.assign(headers, corsHeaders(service.definition.cors, request))
  if (fault) throw fault
  if (request.method === 'HEAD' || request.method === 'OPTIONS') {
    if (!isPreflight(service, request)) await waitForKind(service, request)
    if (!isForScript(service, request))
      return request.method === 'HEAD' ? encodeHeadRefusal(headers) : encodeUncalled(headers)
  }
  await authorize(service, request) // before the body is read
  const granted = patienceOf(request.headers)
  const { report, patience } = service.report
    ? { report: service.report, patience: granted }
    : await loaded(service, granted)
  const { scriptKind, takesHeaders, executionProvider } = report
  headers['x-scoring-execution-provider'] = executionProvider
  const { maxBodyBytes } = service.definition.limits
  service.requireRoom(Number(request.headers.get('content-length')) || 0, patience) // a refusal reads no body
  const scoring = await decodeRequest(request, maxBodyBytes, scriptKind, takesHeaders, account)
  const named = { ...scoring, id: headers['x-request-id'] } // which the log has when it ends its thread
  const answer = await service.score(named, () => request.isAbandoned === true, patience)
  // Threads that were started later may have found another one.
  if (answer.kind !== 'failure' && answer.executionProvider !== undefined)
    headers['x-scoring-execution-provider'] = answer.executionProvider
  if (service.tellsTimes) addServerTiming(headers, answer)
  return await compressAnswer(encodeAnswer(answer, headers), request.headers.get('accept-encoding'))
}

/** A wait for the service to load is part of the time that the request has. */
async function loaded(
  service: ScoringService,
  granted: Patience | undefined,
): Promise<{ report: LoadReport; patience: Patience }> {
  const patience = granted ?? { timeoutMs: service.definition.limits.timeoutMs, since: performance.now() }
  return { report: await service.waitUntilLoaded(patience), patience }
}

/** Browsers keep timings from pages of other origins, unless the answer names theirs (Resource Timing, section 4.5). */
function addServerTiming(headers: Record<string, string>, answer: InferenceResult): void {
  const timing = encodeServerTiming(answer)
  if (timing === undefined) return
  headers['server-timing'] = timing
  const origin = headers['access-control-allow-origin']
  if (origin !== undefined) headers['timing-allow-origin'] = origin
}

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
    service.requireReady()
    service.requireKeys()
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
  const error = asScoringError(failure)
  if (error.code === 'INTERNAL') console.error('unexpected failure:', error.cause)
  // The framework's router answers these two without ids.
  if (error.code === 'PATH_UNKNOWN' || error.code === 'METHOD_NOT_ALLOWED') return encodeError(error, {})
  const demand = service === undefined ? undefined : challenge(service, error.code, scopeOf(error))
  return encodeError(error, demand === undefined ? headers : { ...headers, 'www-authenticate': demand })
}

function scopeOf(error: ScoringError): string | undefined {
  return error instanceof RoleMissing ? error.role : undefined
}

/** @throws ScoringError as its `Authorizer` says */
export function authorize(service: ScoringService, request: WireRequest): void | Promise<void> {
  return service.authorizer?.authorize(request.headers.get('authorization'), readCaller(request))
}

/** A raw-HTTP script sees HEAD and OPTIONS too, but for the preflights of browsers, which bring no key. */
function isForScript(service: ScoringService, request: WireRequest): boolean {
  return service.report?.scriptKind === 'rawHttp' && !isPreflight(service, request)
}

/** Of a browser, for a service that pages of other origins may call. */
function isPreflight({ definition }: ScoringService, { method, headers }: WireRequest): boolean {
  return (
    method === 'OPTIONS' && definition.cors.origins.length > 0 && headers.get('access-control-request-method') !== null
  )
}

/** Of which kind a script is shows when it has loaded for the first time: until then it is waited for, as a score does. */
async function waitForKind(service: ScoringService, request: WireRequest): Promise<void> {
  if (service.status !== 'loading' || service.definition.entryScript === undefined) return
  await authorize(service, request)
  await loaded(service, patienceOf(request.headers))
}

/** The original's handler refuses HEAD itself, so that this 405 has the ids, which that of the router has not. */
function encodeHeadRefusal(headers: Record<string, string>): WireResponse {
  return encodeError(new ScoringError('METHOD_NOT_ALLOWED', 'Method not allowed'), headers)
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
