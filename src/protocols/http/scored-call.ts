/** What the routes of all protocols that score have in common. */
import type { Call } from '../../inference/call.ts'
import { deploymentHeader } from '../../inference/deployments.ts'
import type { ScoringService } from '../../inference/scoring-service.ts'
import type { LoadReport } from '../../models/session/load-report.ts'
import type { InferenceResult } from '../../scheduling/inference-result.ts'
import { encodePhases } from '../../telemetry/cold-start.ts'
import type { Protocol } from '../../telemetry/service-metrics.ts'
import type { Span } from '../../telemetry/tracing.ts'
import { authorize } from './authorize.ts'
import { chooseDeployment } from './choose-deployment.ts'
import { readCaller } from './client-address.ts'
import { corsHeaders, exposeHeaders, isPreflight } from './cors.ts'
import { readDeadline } from './deadline.ts'
import type { BodyAccount } from './read-body.ts'
import { type RequestIds, readRequestIds } from './request-ids.ts'
import { endRequestSpan, startRequestSpan } from './request-span.ts'
import { encodeServerTiming } from './server-timing.ts'
import { modelVersionHeader, type WireRequest, type WireResponse } from './wire.ts'

/** How a protocol scores. */
interface ScoringRoute {
  readonly protocol: Protocol
  readonly serverVersion: string | undefined
  readonly find: () => ScoringService | Promise<ScoringService>
  /**
   * What the head of a request is refused for, whichever deployment would answer: a wrong method, an id that is too long. `score` refuses
   * it too; here it comes before the choice of a deployment.
   *
   * @returns undefined: it is not refused
   * @throws ScoringError
   */
  readonly refuse: (service: ScoringService, ids: RequestIds) => Promise<WireResponse | undefined>
  readonly score: (service: ScoringService, call: ScoredCall) => Promise<WireResponse>
  readonly encodeFailure: (failure: unknown, headers: Record<string, string>, service?: string) => WireResponse
}

/** A request to score, from its headers on. */
export interface ScoredCall {
  readonly ids: RequestIds
  readonly account: BodyAccount
  /** undefined: the request is not traced. */
  readonly span: Span | undefined
  /** When its headers arrived, as `performance.now()`. */
  readonly startedAt: number
}

/** Answers a request to score: finds the service, accounts for bytes, counts. Never throws. */
export async function answerScoredCall(request: WireRequest, route: ScoringRoute): Promise<WireResponse> {
  const startedAt = performance.now()
  const ids = readRequestIds(request.headers, route.serverVersion)
  let service: ScoringService | undefined
  let account: BodyAccount | undefined
  let span: Span | undefined
  let response: WireResponse
  try {
    service = await route.find()
    const isChosen = service.deployments && !isPreflight(service.definition.cors, request)
    if (isChosen && !(await route.refuse(service, ids))) service = await choose(service, request, ids.headers)
    account = service.openAccount()
    span = startRequestSpan(service, request, { protocol: route.protocol, startedAt })
    response = await route.score(service, { ids, account, span, startedAt })
    if (response.status < 400) addStartTiming(service, response, startedAt)
  } catch (failure) {
    response = route.encodeFailure(failure, ids.headers, service?.name)
  }
  if (!Array.isArray(response.headers)) exposeHeaders(response.headers)
  if (account) releaseWithAnswer(account, request, response)
  if (service) response.scored ??= { service: service.name, rows: undefined }
  service?.metrics?.answered(route.protocol, response.status, response.errorCode, performance.now() - startedAt)
  if (span) endRequestSpan(span, response, ids.headers['x-request-id'])
  return response
}

/** @param headers  get those of CORS, so that a page can read why no deployment was chosen */
function choose(
  service: ScoringService,
  request: WireRequest,
  headers: Record<string, string>,
): Promise<ScoringService> {
  Object.assign(headers, corsHeaders(service.definition.cors, request))
  const header = (name: string) => request.headers.get(name)
  return chooseDeployment(service, { header, authorize: each => authorize(each, request) })
}

/** The first answer of a process tells where the time of its start went. */
function addStartTiming(service: ScoringService, { headers }: WireResponse, startedAt: number): void {
  const times = service.answered(startedAt)
  if (!times || !service.hasServerTiming || Array.isArray(headers)) return
  const others = headers['server-timing']
  headers['server-timing'] = [...(others ? [others] : []), encodePhases(times)].join(', ')
}

const providerHeader = 'x-scoring-execution-provider'

/** The call of a service, but for its body. Once the caller is authorized, the headers of the answer tell more of the service. */
export function openCall(
  service: ScoringService,
  request: WireRequest,
  { ids: { headers }, span, startedAt }: ScoredCall,
): Omit<Call, 'read'> {
  return {
    credential: request.headers.get('authorization'),
    caller: readCaller(request),
    declaredBytes: Number(request.headers.get('content-length')) || 0,
    readDeadline: () => readDeadline(request.headers, startedAt),
    span,
    isAbandoned: () => request.isAbandoned === true,
    onLoaded: report => addServiceHeaders(headers, service, report),
  }
}

/** Adds what an answer says of the service. */
export function addServiceHeaders(
  headers: Record<string, string>,
  { version, deployment }: Pick<ScoringService, 'version' | 'deployment'>,
  { executionProvider }: LoadReport,
): void {
  headers[providerHeader] = executionProvider
  if (deployment !== undefined) headers[deploymentHeader] = deployment
  if (version !== undefined) headers[modelVersionHeader] = version
}

/** Adds what an answer says of its run. */
export function addResultHeaders(
  headers: Record<string, string>,
  service: ScoringService,
  result: InferenceResult,
): void {
  if (result.kind === 'failure') return
  // Workers that were started later may have found another provider.
  if (result.executionProvider !== undefined) headers[providerHeader] = result.executionProvider
  if (service.hasServerTiming) Object.assign(headers, encodeServerTiming(result.timings, headers))
}

/** An answer from this size on is accounted for until the client has taken it: a client may be slow, or not read at all. */
const accountedAnswerBytes = 65_536

/** The bytes of the answer replace those of the body in the account, until the answer has left. */
export function releaseWithAnswer(
  { held }: BodyAccount,
  request: Pick<WireRequest, 'whenAnswered'>,
  { body }: Pick<WireResponse, 'body'>,
): void {
  held.dropBody()
  // Of a stream no more is held than the part that is being sent.
  const bytes = body === undefined || body instanceof ReadableStream ? 0 : body.length
  if (bytes < accountedAnswerBytes || !request.whenAnswered) return held.release()
  held.replace(bytes)
  request.whenAnswered(() => held.release())
}
