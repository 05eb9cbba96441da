import { ScoringError } from '../../errors.ts'
import type { ScoringService } from '../../inference/scoring-service.ts'
import { authorize } from '../http/authorize.ts'
import { compressAnswer } from '../http/content-encoding.ts'
import { corsHeaders, isPreflight } from '../http/cors.ts'
import { readDeadline } from '../http/deadline.ts'
import type { RequestIds } from '../http/request-ids.ts'
import { addResultHeaders, answerScoredCall, openCall, type ScoredCall } from '../http/scored-call.ts'
import type { WireRequest, WireResponse } from '../http/wire.ts'
import { allow, answerFailure, refuseTrailingSlash } from './endpoints.ts'
import { readRequest } from './read-request.ts'
import { encodeEmptySuccess, encodeError, encodeResponse } from './respond.ts'

/** `…/score`, from the head of the request to its answer. Never throws. */
export async function answerScore(
  request: WireRequest,
  find: () => ScoringService | Promise<ScoringService>,
  serverVersion: string | undefined,
): Promise<WireResponse> {
  return answerScoredCall(request, {
    protocol: 'azureml',
    serverVersion,
    find: () => {
      refuseTrailingSlash(request)
      return find()
    },
    refuse: async (service, ids) => void refuse(service, request, ids),
    score: (service, call) => score(service, request, call),
    encodeFailure: answerFailure,
  })
}

/** In the order of Azure ML's server: the 405 of its router has neither ids nor headers for other origins. */
function refuse(service: ScoringService, request: WireRequest, { headers, fault }: RequestIds): void {
  allow(request.method, ['GET', 'POST', 'OPTIONS', 'HEAD'])
  Object.assign(headers, corsHeaders(service.definition.cors, request))
  if (fault) throw fault
}

async function score(service: ScoringService, request: WireRequest, call: ScoredCall): Promise<WireResponse> {
  const { ids, account, startedAt } = call
  const { headers } = ids
  refuse(service, request, ids)
  if (request.method === 'HEAD' || request.method === 'OPTIONS') {
    const isForScript = !isPreflight(service.definition.cors, request) && (await isRawHttp(service, request, startedAt))
    if (!isForScript) return request.method === 'HEAD' ? refuseHead(headers) : encodeEmptySuccess(headers)
  }
  const { maxBodyBytes } = service.definition.limits
  let isEncrypted = false
  const result = await service.infer({
    ...openCall(service, request, call),
    read: async report => {
      const read = await readRequest(request, { report, maxBodyBytes, account, id: headers['x-request-id'] })
      if (!service.encrypted) return read
      const takesBinary = /\bapplication\/octet-stream\b/i.test(request.headers.get('accept') ?? '')
      const encrypted = await (await service.encrypted()).read(service, report, read, takesBinary)
      isEncrypted = encrypted !== undefined
      return encrypted ?? read
    },
  })
  addResultHeaders(headers, service, result)
  const response = encodeResponse(result, headers)
  if (result.kind !== 'failure') response.scored = { service: service.name, rows: result.rowCount }
  if (isEncrypted) return response // random bytes, which compression makes no smaller than they were before base64
  return await compressAnswer(response, request.headers.get('accept-encoding'))
}

/** Raw-HTTP scripts see HEAD and OPTIONS too. The kind of a script is known once it has loaded: until then they wait, as a score does. */
async function isRawHttp(service: ScoringService, request: WireRequest, startedAt: number): Promise<boolean> {
  if ((service.status === 'loading' || service.status === 'idle') && service.definition.entryScript !== undefined) {
    await authorize(service, request)
    await service.waitUntilLoaded(readDeadline(request.headers, startedAt))
  }
  return service.report?.scriptKind === 'rawHttp'
}

/** The handler of Azure ML's server refuses HEAD itself, so this 405 has the ids, which the 405 of its router has not. */
function refuseHead(headers: Record<string, string>): WireResponse {
  return encodeError(new ScoringError('METHOD_NOT_ALLOWED', 'Method not allowed'), headers)
}
