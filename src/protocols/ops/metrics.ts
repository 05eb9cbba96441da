/** `GET /metrics`, for Prometheus and what reads the same format. */
import { parseBearer } from '../../auth/bearer.ts'
import { ScoringError } from '../../errors.ts'
import type { ServiceCatalogue } from '../../models/catalogue/service-catalogue.ts'
import type { Attributes, MetricFamily } from '../../telemetry/metric.ts'
import { attribute } from '../../telemetry/metric-names.ts'
import { allow, answerFailure, answerUnknownPath } from '../azureml/endpoints.ts'
import { compressAnswer } from '../http/content-encoding.ts'
import { servicesOpenedBy } from '../http/let-in.ts'
import { noSniff, type WireRequest, type WireResponse } from '../http/wire.ts'
import { encodePrometheus, prometheusMediaType } from './prometheus-text.ts'

/** Who sees the metrics of a service: nobody, whoever has its key or token, everybody. */
export type MetricsAccess = 'off' | 'on' | 'public'

interface MetricsSource {
  readonly access: MetricsAccess
  readonly families: readonly MetricFamily[]
  readonly catalogue: ServiceCatalogue
}

/** Never throws. What is of no service, such as the memory of the process, is for everybody who sees one service. */
export async function answerMetrics(request: WireRequest, find: () => Promise<MetricsSource>): Promise<WireResponse> {
  try {
    const source = await find()
    if (source.access === 'off') return answerUnknownPath()
    allow(request.method, ['GET', 'HEAD'])
    const isShown = source.access === 'public' ? undefined : await shownTo(request, source.catalogue)
    const headers = { 'content-type': prometheusMediaType, ...noSniff, 'cache-control': 'no-store' }
    const answer = { status: 200, headers, body: encodePrometheus(source.families, isShown) }
    return await compressAnswer(answer, request.headers.get('accept-encoding'))
  } catch (failure) {
    return answerFailure(failure, {}, 'metrics')
  }
}

/** @throws ScoringError BEARER_… when it opens no service, TOO_MANY_WRONG_KEYS */
async function shownTo(
  request: WireRequest,
  catalogue: ServiceCatalogue,
): Promise<(attributes: Attributes) => boolean> {
  const opened = await servicesOpenedBy(request, catalogue.all)
  const names = new Set<unknown>([...opened].map(({ name }) => name))
  if (names.size === 0) {
    parseBearer(request.headers.get('authorization'))
    throw new ScoringError('BEARER_REJECTED', 'The key opens no service; metrics are for those with the key of one.')
  }
  return ({ [attribute.service]: service }) => service === undefined || names.has(service)
}
