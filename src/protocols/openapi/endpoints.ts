import { ScoringError } from '../../errors.ts'
import type { ScoringService } from '../../inference/scoring-service.ts'
import type { LoadReport } from '../../models/session/load-report.ts'
import { encode } from '../../tensor/python-json.ts'
import { allow, answerFailure, refuseTrailingSlash } from '../azureml/endpoints.ts'
import { encodeEmpty, runFailed } from '../azureml/respond.ts'
import { authorize } from '../http/authorize.ts'
import { compressAnswer } from '../http/content-encoding.ts'
import { corsHeaders } from '../http/cors.ts'
import { readRequestIds } from '../http/request-ids.ts'
import { noSniff, type WireRequest, type WireResponse } from '../http/wire.ts'
import { availableVersions, describeService } from './document.ts'
import { decodeVersion, type OpenApiVersion } from './version.ts'

/** Answers `…/swagger.json` in the version that the query asks for. Never throws. */
export async function answerOpenApi(
  request: WireRequest,
  find: () => ScoringService | Promise<ScoringService>,
  serverVersion: string | undefined,
): Promise<WireResponse> {
  const ids = readRequestIds(request.headers, serverVersion)
  const { headers } = ids
  let service: ScoringService | undefined
  try {
    refuseTrailingSlash(request)
    service = await find()
    allow(request.method, ['GET', 'HEAD', 'OPTIONS'])
    Object.assign(headers, corsHeaders(service.definition.cors, request))
    if (ids.fault) throw ids.fault
    if (request.method === 'OPTIONS') return encodeEmpty({ ...headers, allow: 'HEAD, GET, OPTIONS' })
    if (!service.definition.openapi.public) await authorize(service, request)
    if (service.status === 'idle') await service.waitUntilLoaded(undefined)
    const answer = answerVersion(service, versionIn(request.query), headers)
    return await compressAnswer(answer, request.headers.get('accept-encoding'))
  } catch (failure) {
    return answerFailure(failure, headers, service?.name)
  }
}

/** Returns the first version in the query, as Azure ML's framework does; 2 if there is none. */
function versionIn(query: WireRequest['query']): string {
  for (const [name, value] of query.entries()) if (name === 'version') return value
  return '2'
}

function answerVersion(service: ScoringService, asked: string, headers: Record<string, string>): WireResponse {
  const report = service.requireReady()
  const version = decodeVersion(asked)
  // Both messages are Azure ML's (guide/contract.md).
  if (!version) {
    const supported = `Supported versions: [${availableVersions(service, report).join(', ')}].`
    throw new ScoringError('OPENAPI_VERSION_UNKNOWN', `Swagger version [${asked}] is not valid. ${supported}`)
  }
  return {
    status: 200,
    headers: { 'content-type': 'application/json', ...noSniff, ...headers, [runFailed]: 'False' },
    body: service.documents[version] ?? generate(service, report, version, asked),
  }
}

function generate(service: ScoringService, report: LoadReport, version: OpenApiVersion, asked: string): string {
  const description = describeService(service, report, version)
  if (description) return encode(description)
  const supported = `Supported swagger versions: [${availableVersions(service, report).join(', ')}].`
  const message = `Swagger version [${asked}] is not supported for the scoring script. ${supported}`
  throw new ScoringError('OPENAPI_VERSION_UNSUPPORTED', message)
}
