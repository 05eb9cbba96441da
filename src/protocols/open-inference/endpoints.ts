/** The routes of the Open Inference Protocol V2 over REST. None of them ever throws. */
import { ScoringError } from '../../errors.ts'
import { deploymentHeader } from '../../inference/deployments.ts'
import type { ScoringService } from '../../inference/scoring-service.ts'
import { findModel, type ModelNames } from '../../models/catalogue/find-model.ts'
import type { ReadyWhen, ServiceCatalogue } from '../../models/catalogue/service-catalogue.ts'
import { ByteBudget } from '../../scheduling/byte-budget.ts'
import { DecompressionLimits } from '../../scheduling/concurrency-limit.ts'
import { authorize } from '../http/authorize.ts'
import { findVisibleServices } from '../http/authorized-services.ts'
import { compressAnswer } from '../http/content-encoding.ts'
import { corsHeaders } from '../http/cors.ts'
import { readDeadline } from '../http/deadline.ts'
import { decodeJsonBody } from '../http/json-body.ts'
import { readBody } from '../http/read-body.ts'
import { type RequestIds, readRequestIds } from '../http/request-ids.ts'
import { answerScoredCall } from '../http/scored-call.ts'
import { noSniff, type WireRequest, type WireResponse } from '../http/wire.ts'
import { infer } from './infer.ts'
import {
  describeConfig,
  describeModel,
  describeRepositoryEntry,
  describeServer,
  describeStatistics,
} from './model-description.ts'
import { encodeFailure, encodeJson } from './respond.ts'
import { type ModelPath, methodFor, parseRoute, type Route } from './route.ts'

/** What the routes are answered from. */
export interface OpenInferenceSource {
  readonly serverVersion: string | undefined
  /** The service under whose path the protocol was called; undefined: all services are its models. */
  readonly scope: string | undefined
  readonly started: () => Promise<{
    readonly catalogue: ServiceCatalogue
    readonly settings: { readonly readyWhen: ReadyWhen }
  }>
}

/** Extensions of Triton that are there. */
const extensions = ['binary_tensor_data', 'classification', 'statistics', 'model_configuration', 'model_repository']

/**
 * Answers any path of the protocol.
 *
 * @param path  behind `/v2/`, decoded
 */
export async function answerOpenInference(
  request: WireRequest,
  path: string,
  source: OpenInferenceSource,
): Promise<WireResponse> {
  const route = parseRoute(path)
  if (route?.kind === 'infer') return answerInfer(request, route, source)
  const ids = readRequestIds(request.headers, source.serverVersion)
  try {
    if (!route) throw new ScoringError('PATH_UNKNOWN', 'The Open Inference Protocol V2 has no such path.')
    return (await refuseMethod(request, route, ids, source)) ?? (await answer(request, route, { ids, source }))
  } catch (failure) {
    return encodeFailure(failure, ids.headers)
  }
}

type ModelRoute = Extract<Route, { version: unknown }>
type DescribingRoute = Exclude<ModelRoute, { kind: 'infer' }>

async function answerInfer(
  request: WireRequest,
  route: ModelRoute,
  source: OpenInferenceSource,
): Promise<WireResponse> {
  return answerScoredCall(request, {
    protocol: 'open-inference',
    serverVersion: source.serverVersion,
    find: () => findService(route, source, request.headers.get(deploymentHeader)),
    refuse: async (service, ids) => {
      Object.assign(ids.headers, corsHeaders(service.definition.cors, request))
      return refuseMethod(request, route, ids, source)
    },
    score: async (service, call) => {
      Object.assign(call.ids.headers, corsHeaders(service.definition.cors, request))
      return (await refuseMethod(request, route, call.ids, source)) ?? infer(service, request, call, route.model)
    },
    encodeFailure,
  })
}

/** @returns the answer to OPTIONS, or to a method that the route has not; undefined for the method of the route */
async function refuseMethod(
  request: WireRequest,
  route: Route,
  { headers, fault }: RequestIds,
  source: OpenInferenceSource,
): Promise<WireResponse | undefined> {
  const { method } = request
  const taken = methodFor(route)
  const allowed = { allow: taken === 'POST' ? 'POST, OPTIONS' : 'GET, HEAD, OPTIONS' }
  if (method === 'OPTIONS' && 'version' in route)
    Object.assign(headers, corsHeaders((await findService(route, source)).definition.cors, request))
  if (fault) throw fault
  if (method === 'OPTIONS') return { status: 200, headers: { ...noSniff, ...headers, ...allowed }, body: '' }
  if (taken === 'any' || method === taken || (taken === 'GET' && method === 'HEAD')) return undefined
  const refusal = new ScoringError(
    'METHOD_NOT_ALLOWED',
    `The method is not allowed here; allowed are ${allowed.allow}.`,
  )
  return encodeFailure(refusal, { ...headers, ...allowed })
}

interface Context {
  readonly ids: RequestIds
  readonly source: OpenInferenceSource
}

async function answer(
  request: WireRequest,
  route: Exclude<Route, { kind: 'infer' }>,
  context: Context,
): Promise<WireResponse> {
  const { ids, source } = context
  const { headers } = ids
  switch (route.kind) {
    case 'live':
      return encodeJson({ live: true }, { ...headers, ...uncached })
    case 'ready':
      return answerReady(headers, source)
    case 'server':
      if (source.scope !== undefined) (await source.started()).catalogue.find(source.scope)
      return encodeJson(describeServer(source.serverVersion, extensions), headers)
    case 'model-ready':
      return answerModelReady(request, route, context)
    case 'metadata':
    case 'config':
    case 'statistics':
      return answerModel(request, route, context)
    case 'all-statistics':
      return answerAllStatistics(request, context)
    case 'index':
      return answerIndex(request, context)
    case 'control':
      throw unsupported(
        `failed to ${route.action} '${show(route.model)}', models are loaded by the operator of this app`,
      )
    case 'unsupported':
      throw unsupported('This app shares no memory with its callers, and its operator sets up its logs.')
  }
}

const uncached = { 'cache-control': 'no-store' }

async function answerReady(headers: Record<string, string>, source: OpenInferenceSource): Promise<WireResponse> {
  const { catalogue, settings } = await source.started()
  const scoped = source.scope === undefined ? undefined : catalogue.find(source.scope)
  const ready = scoped ? scoped.isReady : catalogue.isReady(settings.readyWhen)
  return encodeJson({ live: true, ready }, { ...headers, ...uncached }, ready ? 200 : 503)
}

/** Without a key, as Azure ML tells anybody whether a service is healthy. */
async function answerModelReady(
  request: WireRequest,
  route: ModelRoute,
  { ids, source }: Context,
): Promise<WireResponse> {
  const { headers } = ids
  try {
    const service = await findService(route, source)
    Object.assign(headers, corsHeaders(service.definition.cors, request))
    service.requireAvailable()
    return encodeJson({ name: route.model, ready: true }, { ...headers, ...uncached })
  } catch (failure) {
    return { ...encodeFailure(failure, headers), status: 400 } // as Triton
  }
}

async function answerModel(
  request: WireRequest,
  route: DescribingRoute,
  { ids, source }: Context,
): Promise<WireResponse> {
  const startedAt = performance.now()
  const { headers } = ids
  let service: ScoringService | undefined
  try {
    service = await findService(route, source)
    Object.assign(headers, corsHeaders(service.definition.cors, request))
    await authorize(service, request)
    const described = await describe(service, route, () =>
      (service as ScoringService).waitUntilLoaded(readDeadline(request.headers, startedAt)),
    )
    return await compressAnswer(encodeJson(described, headers), request.headers.get('accept-encoding'))
  } catch (failure) {
    return encodeFailure(failure, headers, service?.name)
  }
}

async function describe(
  service: ScoringService,
  { kind, model }: DescribingRoute,
  loaded: ScoringService['waitUntilLoaded'],
): Promise<object> {
  if (kind === 'statistics') return { model_stats: service.parts.map(part => describeStatistics(part, model)) }
  const report = await loaded(undefined)
  return kind === 'config' ? describeConfig(service, report, model) : describeModel(service, report, model)
}

async function answerAllStatistics(request: WireRequest, { ids, source }: Context): Promise<WireResponse> {
  const services = await findVisibleServices(request, await listServices(source))
  return encodeJson(
    { model_stats: services.flatMap(({ parts }) => parts).map(part => describeStatistics(part, part.name)) },
    ids.headers,
  )
}

/** Nothing but whether only those that are ready are asked for. */
const maxIndexBytes = 4096

async function answerIndex(request: WireRequest, { ids, source }: Context): Promise<WireResponse> {
  const services = await findVisibleServices(request, await listServices(source))
  const account = { held: new ByteBudget(2 * maxIndexBytes).open(), decompression: new DecompressionLimits() }
  const body = await readBody(request, maxIndexBytes, account)
  const reading = { hasExactIntegers: false, takesNonFinite: false }
  const asked = body.length === 0 ? {} : decodeJsonBody(body, 'application/json', reading).parameters
  const entries = services.map(describeRepositoryEntry)
  return encodeJson(asked.ready === true ? entries.filter(({ state }) => state === 'READY') : entries, ids.headers)
}

async function listServices({ scope, started }: OpenInferenceSource): Promise<readonly ScoringService[]> {
  const { catalogue } = await started()
  return scope === undefined ? catalogue.all : [catalogue.find(scope)]
}

/** @param deployment  the one that the caller named */
async function findService(
  { model, version }: ModelPath,
  source: OpenInferenceSource,
  deployment?: string | null,
): Promise<ScoringService> {
  const { catalogue } = await source.started()
  const { scope } = source
  if (scope === undefined) return findModel(catalogue, model, version, deployment)
  const only = catalogue.find(scope)
  const scoped: ModelNames = { get: name => (name === scope ? only : undefined), findDefault: () => only }
  return findModel(scoped, model, version, deployment)
}

function unsupported(what: string): ScoringError {
  return new ScoringError('OPERATION_UNSUPPORTED', what)
}

function show(name: string): string {
  return name.replace(/[^\x20-\x7e]/g, '?').slice(0, 128)
}
