/** Answers `GET /metrics` in Prometheus' text format. */
import type { ServiceCatalogue } from '../../models/catalogue/service-catalogue.ts'
import type { Attributes, MetricFamily } from '../../telemetry/metric.ts'
import { attribute } from '../../telemetry/metric-names.ts'
import { allow, answerFailure, answerUnknownPath } from '../azureml/endpoints.ts'
import { findAuthorizedServices, requireAuthorized } from '../http/authorized-services.ts'
import { compressAnswer } from '../http/content-encoding.ts'
import { noSniff, type WireRequest, type WireResponse } from '../http/wire.ts'
import { encodePrometheus, prometheusMediaType } from './prometheus-text.ts'

/** Who may read the metrics of a service: no one (`off`), callers with its key or token (`on`), anyone (`public`). */
export type MetricsAccess = 'off' | 'on' | 'public'

interface MetricsSource {
  readonly access: MetricsAccess
  readonly families: readonly MetricFamily[]
  readonly catalogue: ServiceCatalogue
}

/** Never throws. Metrics of the process are shown to callers who may see at least one service. */
export async function answerMetrics(request: WireRequest, find: () => Promise<MetricsSource>): Promise<WireResponse> {
  try {
    const source = await find()
    if (source.access === 'off') return answerUnknownPath()
    allow(request.method, ['GET', 'HEAD'])
    const isShown = source.access === 'public' ? undefined : await selectVisible(request, source.catalogue)
    const headers = { 'content-type': prometheusMediaType, ...noSniff, 'cache-control': 'no-store' }
    const answer = { status: 200, headers, body: encodePrometheus(source.families, isShown) }
    return await compressAnswer(answer, request.headers.get('accept-encoding'))
  } catch (failure) {
    return answerFailure(failure, {}, 'metrics')
  }
}

/**
 * @throws ScoringError BEARER_… when the credential is valid for no service, KEYS_UNAVAILABLE or TOKEN_KEYS_UNAVAILABLE when
 *   it cannot be checked now, TOO_MANY_WRONG_KEYS
 */
async function selectVisible(
  request: WireRequest,
  catalogue: ServiceCatalogue,
): Promise<(attributes: Attributes) => boolean> {
  const authorized = await findAuthorizedServices(request, catalogue.all)
  requireAuthorized(request, authorized, 'Metrics need')
  const names = new Set<unknown>([...authorized.services].map(({ name }) => name))
  return ({ [attribute.service]: service }) => service === undefined || names.has(service)
}
