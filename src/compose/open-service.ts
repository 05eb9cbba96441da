/** Opens one service: reads its files, then starts what scores it. It needs no HTTP, keys or settings. */
import { estimateMemory } from '../adapters/local/model-memory.ts'
import type { Authorizer } from '../auth/authorizer.ts'
import { ServiceLoadError } from '../errors.ts'
import { type Deployment, Deployments } from '../inference/deployments.ts'
import type { EncryptedRequests } from '../inference/encrypted-requests.ts'
import type { Engine } from '../inference/engine.ts'
import { OnDemandEngine } from '../inference/on-demand-engine.ts'
import { ScoringService } from '../inference/scoring-service.ts'
import type { LoadedServices } from '../models/catalogue/loaded-services.ts'
import { ServiceDefinition } from '../models/definition/definition.ts'
import type { ExecutionProvider } from '../models/definition/execution-providers.ts'
import type { OwnDocuments } from '../models/definition/own-documents.ts'
import { refuseElsewhere } from '../models/definition/triggers.ts'
import type { ModelStore } from '../models/repository/model-store.ts'
import { withProviders } from '../models/repository/provider-attempts.ts'
import type { ServiceSpec } from '../models/repository/service-spec.ts'
import type { ByteBudget } from '../scheduling/byte-budget.ts'
import type { ColdStart } from '../telemetry/cold-start.ts'
import type { ScoringMetrics } from '../telemetry/service-metrics.ts'
import type { Tracing } from '../telemetry/tracing.ts'
import { openServiceBudget } from './byte-budgets.ts'
import { openEncrypted } from './open-encrypted.ts'
import { type SchedulerParts, startScheduler } from './start-scheduler.ts'

/** A service whose files have been read; no model is loaded yet. */
export type ReadService =
  | {
      readonly kind: 'readable'
      readonly name: string
      readonly definition: ServiceDefinition
      readonly spec: ServiceSpec
      readonly documents: OwnDocuments
    }
  | {
      readonly kind: 'unreadable'
      readonly name: string
      /** All defaults. */
      readonly definition: ServiceDefinition
      readonly failure: string
    }

/** What the reason of a service begins with that could not be read, without any fault of its files. */
export const unreadable = 'cannot be read: '

/**
 * Reads the files of a service, except its models. Never rejects: a service that cannot be read has a reason.
 *
 * @param executionProviders  those of the deployment, in place of the service's own
 */
export async function readService(
  store: ModelStore,
  name: string,
  executionProviders?: ExecutionProvider[],
): Promise<ReadService> {
  let spec: ServiceSpec | undefined
  try {
    spec = withProviders(await store.openService(name), executionProviders)
    const refusal = store.isElsewhere ? refuseElsewhere(spec.definition.triggers) : undefined
    if (refusal !== undefined) throw new ServiceLoadError(`${name}/service.json: ${refusal}`)
    return { kind: 'readable', name, definition: spec.definition, spec, documents: await store.readDocuments(name) }
  } catch (cause) {
    if (spec) await store.release?.(spec)
    const failure = cause instanceof ServiceLoadError ? cause.message : unreadable + (cause as Error).message
    return { kind: 'unreadable', name, definition: ServiceDefinition.parse({}), failure }
  }
}

/** What a service gets from the app, beside what its workers get. */
export interface ServiceParts extends SchedulerParts {
  /** Bytes that requests of all services may hold; absent: any number. */
  readonly bytes?: ByteBudget | undefined
  /** Absent: nothing is counted. */
  readonly metrics?: ScoringMetrics | undefined
  /** Absent: nobody asks how long the first answer took. */
  readonly coldStart?: ColdStart | undefined
  /** Absent: requests are not traced. */
  readonly tracing?: Tracing | undefined
  /** Answers carry a `Server-Timing` header. */
  readonly hasServerTiming?: boolean
  /** Loads what reads encrypted requests; absent: without storage for public keys. */
  readonly encrypted?: (() => Promise<EncryptedRequests>) | undefined
  /** When services are loaded that do not say it; absent: at once. */
  readonly load?: 'start' | 'onDemand'
  /** Unloads services that are loaded on demand; absent: none is. */
  readonly loaded?: LoadedServices | undefined
  /** Called when a service that loads on demand begins to. */
  readonly onLoading?: (service: ScoringService) => void
  /** Gets the files of services that are elsewhere; absent: they are here. */
  readonly elsewhere?: Pick<Required<ModelStore>, 'fetch' | 'hold' | 'release'> | undefined
}

/** @returns a deployment that is served already, and is the same */
export type FindServed = (deployment: string, spec: ServiceSpec) => ScoringService | undefined

/**
 * Starts the workers of a service, unless it loads on demand. `load` of the service tells when it can score, or why it cannot.
 *
 * @param authorizer  undefined: anybody may call it
 * @param findServed  is not kept: it knows the service before, which would never be freed
 */
export function startService(
  service: ReadService,
  authorizer: Authorizer | undefined,
  parts: ServiceParts,
  findServed?: FindServed,
): ScoringService {
  const { name, definition } = service
  const all = { authorizer, parts }
  if (service.kind === 'unreadable') {
    return makeService({ name, definition, engine: { kind: 'none', failure: service.failure } }, all)
  }
  const { spec, documents } = service
  if (!spec.deployments) return startAlone({ name, definition, spec, documents }, all)
  const adopted = new Set<ScoringService>()
  const deployments = Object.entries(spec.deployments).map(([deployment, own]): Deployment => {
    const served = findServed?.(deployment, own)
    if (served) adopted.add(served)
    const started = served ?? startAlone({ name, definition: own.definition, spec: own, documents, deployment }, all)
    const { weight = 0, mirror = 0 } = definition.deployments?.[deployment] ?? {}
    return { name: deployment, service: started, weight, mirror }
  })
  const { stickyHeader } = definition.traffic
  const source = new Deployments({ deployments, stickyHeader, random: Math.random }, adopted)
  return new ScoringService({
    ...{ name, definition, spec, documents, authorizer, files: parts.files, deployments: source },
    engine: { kind: 'changing', source },
    bytes: parts.bytes && openServiceBudget(parts.bytes, definition, undefined),
    hasServerTiming: parts.hasServerTiming ?? false,
  })
}

interface ServiceContext {
  readonly authorizer: Authorizer | undefined
  readonly parts: ServiceParts
}

interface Startable {
  readonly name: string
  readonly definition: ServiceDefinition
  readonly spec: ServiceSpec
  readonly documents: OwnDocuments
  readonly deployment?: string
}

/** Starts a service, or one of its deployments. */
function startAlone({ spec, ...service }: Startable, context: ServiceContext): ScoringService {
  const { parts } = context
  const { elsewhere, loaded } = parts
  const isOnDemand = (spec.definition.load ?? parts.load) === 'onDemand' && loaded !== undefined
  const start = () => startScheduler(spec, parts.metrics?.ofService(service.name, service.deployment), parts)
  if (!isOnDemand && !elsewhere) {
    return makeService({ ...service, spec, engine: { kind: 'scheduler', ...start() } }, context)
  }
  elsewhere?.hold(spec)
  const source = new OnDemandEngine({
    prepare: elsewhere && (() => elsewhere.fetch(spec)),
    start: () => {
      const started = start()
      if (isOnDemand)
        queueMicrotask(() => {
          loaded.loading(made, estimateMemory(spec.models))
          parts.onLoading?.(made)
        })
      return started
    },
    onStopped: async () => {
      loaded?.forget(made)
      await elsewhere?.release(spec)
    },
    log: parts.log ?? (line => console.error(line)),
  })
  const onUse = isOnDemand ? (used: ScoringService) => loaded.use(used) : undefined
  const made = makeService({ ...service, spec, engine: { kind: 'changing', source }, onUse }, context)
  if (!isOnDemand) source.load().catch(() => {}) // `load` of the service tells
  return made
}

interface Made extends Omit<Startable, 'spec' | 'documents'> {
  readonly spec?: ServiceSpec
  readonly documents?: OwnDocuments
  readonly engine: Engine
  readonly onUse?: ((service: ScoringService) => void) | undefined
}

function makeService(made: Made, { authorizer, parts }: ServiceContext): ScoringService {
  const { name, definition, deployment } = made
  const metrics = parts.metrics?.ofService(name, deployment)
  if (definition.encrypted !== false) metrics?.takesPublicKeys()
  const { blob, queue, serviceBus } = definition.triggers
  if (blob) metrics?.hasTrigger('blob')
  if (queue) metrics?.hasTrigger('queue')
  if (serviceBus) metrics?.hasTrigger('service-bus')
  return new ScoringService({
    ...made,
    files: parts.files,
    authorizer,
    metrics,
    bytes: parts.bytes && openServiceBudget(parts.bytes, definition, metrics),
    coldStart: parts.coldStart,
    tracing: parts.tracing,
    hasServerTiming: parts.hasServerTiming ?? false,
    encrypted: definition.encrypted === false ? undefined : (parts.encrypted ?? openEncrypted(undefined)),
  })
}
