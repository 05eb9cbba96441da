import { ScoringError } from '../../errors.ts'
import type { ScoringService } from '../../inference/scoring-service.ts'
import { readCaller } from '../http/client-address.ts'
import { compressAnswer } from '../http/content-encoding.ts'
import { corsHeaders } from '../http/cors.ts'
import { readDeadline } from '../http/deadline.ts'
import type { BodyAccount } from '../http/read-body.ts'
import { type RequestIds, readRequestIds } from '../http/request-ids.ts'
import { encodeServerTiming } from '../http/server-timing.ts'
import type { WireRequest, WireResponse } from '../http/wire.ts'
import { allow, answerFailure, authorize, refuseTrailingSlash } from './endpoints.ts'
import { readRequest } from './read-request.ts'
import { encodeEmptySuccess, encodeError, encodeResponse } from './respond.ts'

/** `…/score`, from the head of the request to its answer. Never throws. */
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
    response = await score(service, request, { ids, account, startedAt })
  } catch (failure) {
    response = answerFailure(failure, ids.headers, service?.name)
  }
  if (account) releaseWithAnswer(account, request, response)
  if (service) response.scored ??= { service: service.name, rows: undefined }
  service?.metrics?.answered('azureml', response.status, response.errorCode, performance.now() - startedAt)
  return response
}

async function score(
  service: ScoringService,
  request: WireRequest,
  { ids: { headers, fault }, account, startedAt }: { ids: RequestIds; account: BodyAccount; startedAt: number },
): Promise<WireResponse> {
  allow(request.method, ['GET', 'POST', 'OPTIONS', 'HEAD'])
  Object.assign(headers, corsHeaders(service.definition.cors, request))
  if (fault) throw fault
  if (request.method === 'HEAD' || request.method === 'OPTIONS') {
    const isForScript = !isPreflight(service, request) && (await isRawHttp(service, request, startedAt))
    if (!isForScript) return request.method === 'HEAD' ? refuseHead(headers) : encodeEmptySuccess(headers)
  }
  const { maxBodyBytes } = service.definition.limits
  let isEncrypted = false
  const result = await service.infer({
    credential: request.headers.get('authorization'),
    caller: readCaller(request),
    declaredBytes: Number(request.headers.get('content-length')) || 0,
    readDeadline: () => readDeadline(request.headers, startedAt),
    isAbandoned: () => request.isAbandoned === true,
    onLoaded: ({ executionProvider }) => {
      headers[providerHeader] = executionProvider
      if (service.version !== undefined) headers['x-scoring-model-version'] = service.version
    },
    read: async report => {
      const read = await readRequest(request, { report, maxBodyBytes, account, id: headers['x-request-id'] })
      if (!service.encrypted) return read
      const takesBinary = /\bapplication\/octet-stream\b/i.test(request.headers.get('accept') ?? '')
      const encrypted = await (await service.encrypted()).read(service, report, read, takesBinary)
      isEncrypted = encrypted !== undefined
      return encrypted ?? read
    },
  })
  if (result.kind !== 'failure') {
    // Workers that were started later may have found another provider.
    if (result.executionProvider !== undefined) headers[providerHeader] = result.executionProvider
    if (service.hasServerTiming) Object.assign(headers, encodeServerTiming(result.timings, headers))
  }
  const response = encodeResponse(result, headers)
  if (result.kind !== 'failure') response.scored = { service: service.name, rows: result.rowCount }
  if (isEncrypted) return response // random bytes, which compression makes no smaller than they were before base64
  return await compressAnswer(response, request.headers.get('accept-encoding'))
}

const providerHeader = 'x-scoring-execution-provider'

/** An answer from this size on is accounted for until the client has taken it: a client may be slow, or not read at all. */
const accountedAnswerBytes = 65_536

/** The bytes of the answer replace those of the body in the account, until the answer has left. */
function releaseWithAnswer({ held }: BodyAccount, request: WireRequest, { body }: WireResponse): void {
  // Of a stream no more is held than the part that is being sent.
  const bytes = body === undefined || body instanceof ReadableStream ? 0 : body.length
  if (bytes < accountedAnswerBytes || !request.whenAnswered) return held.release()
  held.replace(bytes)
  request.whenAnswered(() => held.release())
}

/** Whether a browser asks, without a key, if a page of another origin may call the service. */
function isPreflight({ definition }: ScoringService, { method, headers }: WireRequest): boolean {
  return (
    method === 'OPTIONS' && definition.cors.origins.length > 0 && headers.get('access-control-request-method') !== null
  )
}

/** Raw-HTTP scripts see HEAD and OPTIONS too. The kind of a script is known once it has loaded: until then they wait, as a score does. */
async function isRawHttp(service: ScoringService, request: WireRequest, startedAt: number): Promise<boolean> {
  if (service.status === 'loading' && service.definition.entryScript !== undefined) {
    await authorize(service, request)
    await service.waitUntilLoaded(readDeadline(request.headers, startedAt))
  }
  return service.report?.scriptKind === 'rawHttp'
}

/** The handler of Azure ML's server refuses HEAD itself, so this 405 has the ids, which the 405 of its router has not. */
function refuseHead(headers: Record<string, string>): WireResponse {
  return encodeError(new ScoringError('METHOD_NOT_ALLOWED', 'Method not allowed'), headers)
}
