/** Answers liveness and readiness checks. Details need a key of the service, except in Development. */

import { ScoringError } from '../../errors.ts'
import type { Deployment } from '../../inference/deployments.ts'
import { listNotes } from '../../inference/describe-service.ts'
import type { ScoringService } from '../../inference/scoring-service.ts'
import type { ReadyWhen, RejectedChange, ServiceCatalogue } from '../../models/catalogue/service-catalogue.ts'
import { describeTriggers } from '../../models/definition/triggers.ts'
import type { LoadReport } from '../../models/session/load-report.ts'
import { encode } from '../../tensor/python-json.ts'
import { encodeError } from '../azureml/respond.ts'
import { findAuthorizedServices } from '../http/authorized-services.ts'
import { noSniff, type WireRequest, type WireResponse } from '../http/wire.ts'

/** Answers 200 as long as the event loop is not blocked. */
export function answerLive(request: WireRequest): WireResponse {
  return refuseMethod(request) ?? encodeStatus(200, { status: 'live' })
}

/**
 * Answers 200 when the app is ready, else 503; with the number of services that cannot score.
 *
 * @throws ScoringError TOO_MANY_WRONG_KEYS
 */
export async function answerReady(
  request: WireRequest,
  catalogue: ServiceCatalogue,
  { isDevelopment, readyWhen }: { readonly isDevelopment: boolean; readonly readyWhen: ReadyWhen },
): Promise<WireResponse> {
  const refusal = refuseMethod(request)
  if (refusal) return refusal
  const isReady = catalogue.isReady(readyWhen)
  const unavailable = catalogue.all.filter(service => !service.isReady).length
  const visible = isDevelopment ? catalogue.all : [...(await findAuthorizedServices(request, catalogue.all)).services]
  const services = Object.fromEntries(
    visible.map(service => [service.name, describeService(service, catalogue.rejected(service.name))]),
  )
  return encodeStatus(isReady ? 200 : 503, {
    status: isReady ? 'ready' : 'not ready',
    unavailable: unavailable > 0 ? unavailable : undefined,
    services: visible.length > 0 ? services : undefined,
  })
}

function refuseMethod({ method }: WireRequest): WireResponse | undefined {
  if (method === 'GET' || method === 'HEAD') return undefined
  return encodeError(new ScoringError('METHOD_NOT_ALLOWED', 'The method is not allowed for the requested URL.'), {})
}

function encodeStatus(status: number, body: object): WireResponse {
  const headers = { 'content-type': 'application/json', ...noSniff, 'cache-control': 'no-store' }
  return { status, headers, body: encode(body) }
}

function describeService(service: ScoringService, rejected?: RejectedChange): object {
  const { report, spec, deployments } = service
  return {
    status: service.status,
    docs: `/api/v1/service/${encodeURIComponent(service.name)}/docs`,
    version: spec?.version,
    availableVersions: !deployments && spec?.versions.some(each => each !== spec.version) ? spec.versions : undefined,
    definition: spec?.definitionDigest,
    reason: service.failure,
    rejectedChange: rejected,
    deployments: deployments && Object.fromEntries(deployments.all.map(each => [each.name, describeDeployment(each)])),
    executionProvider: report?.executionProvider,
    placement: report?.placements?.length ? report.placements : undefined,
    script: report?.scriptKind,
    stages: report?.stages,
    inputs: report?.inputs,
    optionalInputs: report?.optionalInputs?.length ? report.optionalInputs : undefined,
    outputs: report?.outputs,
    microBatching: report?.isBatchable,
    microBatchingReason: report?.microBatching,
    ...service.activity,
    auth: service.definition.auth.mode,
    keys: service.authorizer?.describe?.(),
    triggers: listOrNone(describeTriggers(service.definition.triggers)),
    notes: report && listNotes(service),
    example: report && describeExample(report),
    loadMs: report && Math.round(report.loadMs),
    warmUpMs: report && Math.round(report.warmUpMs),
  }
}

function describeDeployment({ service, weight, mirror }: Deployment): object {
  const { status, spec, failure, report, activity } = service
  return {
    ...{ weight, mirror: mirror || undefined, status, version: spec?.version, reason: failure },
    executionProvider: report?.executionProvider,
    ...activity,
  }
}

function listOrNone(lines: readonly string[]): readonly string[] | undefined {
  return lines.length > 0 ? lines : undefined
}

/** Examples with more characters are not shown. */
const maxExampleLength = 10_000

/** Returns an example request, and whether it was scored at load. */
function describeExample({ inputSample, isSampleScored }: LoadReport): object | undefined {
  if (inputSample === undefined || inputSample.length > maxExampleLength) return undefined
  return { body: inputSample, isScored: isSampleScored ?? false }
}
