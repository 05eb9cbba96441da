/** The services of the app: those that it starts with and, in Development, what becomes of them while it runs. */
import { memoryBytes } from '../adapters/local/memory.ts'
import { isMemoryShort } from '../adapters/local/model-memory.ts'
import { listNotes } from '../inference/describe-service.ts'
import { describeLoad } from '../inference/load-report-line.ts'
import type { ScoringService } from '../inference/scoring-service.ts'
import { LoadedServices } from '../models/catalogue/loaded-services.ts'
import { ServiceCatalogue } from '../models/catalogue/service-catalogue.ts'
import { ServiceSwaps } from '../models/catalogue/service-swaps.ts'
import type { ModelStore } from '../models/repository/model-store.ts'
import { OpenedFiles } from '../models/repository/opened-files.ts'
import { versionPattern } from '../models/repository/repository-layout.ts'
import { hasScript, type ServiceSpec } from '../models/repository/service-spec.ts'
import type { FileVersions, StoreFiles } from '../models/repository/store-changes.ts'
import { requireRoomForBody } from './byte-budgets.ts'
import {
  type FindServed,
  type ReadService,
  readService,
  type ServiceParts,
  startService,
  unreadable,
} from './open-service.ts'
import type { ServiceAuthorizers } from './service-authorizers.ts'
import { ServiceWatch } from './service-watch.ts'
import type { Settings } from './settings.ts'
import { TriggerNotes } from './trigger-notes.ts'

interface ServedServices {
  readonly catalogue: ServiceCatalogue
  stop(): Promise<void>
}

interface ServeOptions {
  readonly store: ModelStore
  readonly settings: Settings
  readonly authorizers: ServiceAuthorizers
  readonly parts: ServiceParts
  /** The files that were there before the services were read; undefined: changes are not watched. */
  readonly files: Promise<StoreFiles> | undefined
}

/** What is elsewhere may be out of reach for a while. */
const firstRetryMs = 15_000

/** Starts a service from the files that it had when it was read. */
type StartRead = (
  service: ReadService,
  versions: FileVersions | undefined,
  findServed?: FindServed,
) => Promise<ScoringService>

/** Starts the services; models load in their threads meanwhile. */
export async function serveServices(read: readonly ReadService[], options: ServeOptions): Promise<ServedServices> {
  const { store, settings, authorizers, files } = options
  const loaded = openLoadedServices(settings, options.parts.metrics)
  const elsewhere = store.isElsewhere ? (store as Required<ModelStore>) : undefined
  const onLoading = (service: ScoringService) => void announceLoad(service)
  const parts: ServiceParts = { ...options.parts, load: settings.load, loaded, elsewhere, onLoading }
  const start: StartRead = async (service, versions, findServed) => {
    const opened = store.isElsewhere ? undefined : versions && watchOpened(service, versions, store)
    try {
      return startService(service, await authorizers.authorizerFor(service), { ...parts, files: opened }, findServed)
    } finally {
      if (service.kind === 'readable') await elsewhere?.release(service.spec)
    }
  }
  const known = (await files?.catch(() => undefined))?.services
  const services = await Promise.all(read.map(service => start(service, known?.get(service.name))))
  for (const { deployments } of services) deployments?.takeOver(undefined)
  const catalogue = new ServiceCatalogue(services, settings.defaultService)
  const firstLoads = Promise.all(announceStart(services))
  const notes = new TriggerNotes(read, store.isElsewhere === true)
  const swaps = openSwaps(options, { catalogue, start, notes })
  const watch = new ServiceWatch({
    store,
    swaps,
    // A service that cannot be read may have a script.
    listScripted: () => catalogue.all.filter(({ spec }) => !spec || hasScript(spec)).map(({ name }) => name),
    log: line => console.error(line),
    pollMs: store.isElsewhere ? settings.pollMs : undefined,
  })
  if (files) void watch.start(files, firstLoads)
  // Those that could not be read at the start, for a reason that is not theirs.
  const readAgain = () => {
    const unread = catalogue.all.filter(({ failure }) => failure?.startsWith(unreadable))
    for (const { name } of unread) void swaps.load(name, new Map([['service.json', 'changed']]))
  }
  const timer = store.isElsewhere ? setInterval(readAgain, 2 * firstRetryMs).unref() : undefined
  return {
    catalogue,
    stop: async () => {
      clearInterval(timer)
      watch.stop()
      await Promise.all([swaps.stop(), ...catalogue.all.map(service => service.stop())])
    },
  }
}

function openSwaps(
  { store, settings, authorizers, parts }: ServeOptions,
  { catalogue, start, notes }: { catalogue: ServiceCatalogue; start: StartRead; notes: TriggerNotes },
): ServiceSwaps {
  return new ServiceSwaps({
    catalogue,
    open: async (name, changed) => {
      const versions = await store.readServiceFiles(name) // before the others, so that a change in between is noticed
      const service = await readService(store, name, settings.executionProviders)
      requireRoomForBody(settings.maxHeldBytes, service)
      notes.tell(service)
      const previous = catalogue.get(name)
      return start(service, versions, (deployment, spec) => findSame(previous, { deployment, spec, changed }))
    },
    onServed: (name, served) => authorizers.release(name, served),
    onChanged: (name, outcome) => parts.metrics?.changed(name, outcome),
    retryMs: store.isElsewhere ? firstRetryMs : undefined,
    log: line => console.log(line),
    logFailure: line => console.error(line),
    now: () => performance.now(),
  })
}

function openLoadedServices(settings: Settings, metrics: ServiceParts['metrics']): LoadedServices {
  const maxBytes = settings.maxLoadedBytes ?? memoryBytes() / 2
  const reasons = {
    count: `${settings.maxLoaded} others were used later (SCORING_MAX_LOADED)`,
    bytes: `others were used later, and need ${maxBytes} bytes (SCORING_MAX_LOADED_BYTES)`,
    memory: 'another one is loaded, and the process has little memory left',
  }
  return new LoadedServices({
    ...{ maxCount: settings.maxLoaded, maxBytes, isMemoryShort },
    onUnloaded: (service, reason) => {
      metrics?.unloaded(service.name, reason)
      console.log(`[${service.name}] unloaded: ${nameDeployment(service)}${reasons[reason]}`)
    },
  })
}

function watchOpened({ name, definition }: ReadService, versions: FileVersions, store: ModelStore): OpenedFiles {
  if (!definition.deployments) return new OpenedFiles(versions, () => store.readServiceFiles(name))
  // Weights may change while a deployment goes on.
  const withoutDefinition = (files: FileVersions) => new Map([...files].filter(([path]) => path !== 'service.json'))
  return new OpenedFiles(withoutDefinition(versions), async () => withoutDefinition(await store.readServiceFiles(name)))
}

/**
 * Finds a deployment that goes on as it is, because only weights or other deployments have changed.
 *
 * @param changed  paths of the files that differ from those that are served
 */
function findSame(
  previous: ScoringService | undefined,
  { deployment, spec, changed }: { deployment: string; spec: ServiceSpec; changed: ReadonlySet<string> },
): ScoringService | undefined {
  const service = previous?.deployments?.get(deployment)?.service
  if (!service?.spec || service.status === 'failed') return undefined
  const { definition, version } = service.spec
  if (version !== spec.version || JSON.stringify(definition) !== JSON.stringify(spec.definition)) return undefined
  const isOfOthers = (path: string) => {
    const [folder = '', ...rest] = path.split('/')
    return path === 'service.json' || (rest.length > 0 && versionPattern.test(folder) && folder !== version)
  }
  return version !== undefined && [...changed].every(isOfOthers) ? service : undefined
}

/** @returns settles for each service that loads at once */
function announceStart(services: readonly ScoringService[]): Promise<void>[] {
  const parts = services.flatMap(service => service.parts)
  const idle = parts.filter(({ status }) => status === 'idle')
  if (idle.length > 0) {
    const names = [...new Set(idle.map(({ name }) => name))]
    const list = names.slice(0, 5).join(', ') + (names.length > 5 ? ', …' : '')
    const what = names.length === 1 ? '1 service loads with its' : `${names.length} services load with their`
    console.log(`${what} first request: ${list}`)
  }
  return parts.filter(service => service.status !== 'idle').map(announceLoad)
}

/** Logs what became of the first load of a service. */
async function announceLoad(service: ScoringService): Promise<void> {
  const startedAt = performance.now()
  try {
    const report = await service.load()
    const ms = Math.round(performance.now() - startedAt)
    const what = `${nameDeployment(service)}${describeLoad(report, service.version)}`
    console.log(`[${service.name}] ready after ${ms} ms: ${what}`)
    for (const note of listNotes(service)) console.log(`[${service.name}] ${note}`)
  } catch (failure) {
    if (service.failure === undefined) return // it was ended before
    console.error(`[${service.name}] not available: ${nameDeployment(service)}${(failure as Error).message}`)
  }
}

/** The others of the service may score meanwhile. */
function nameDeployment({ deployment }: ScoringService): string {
  return deployment === undefined ? '' : `deployment "${deployment}": `
}
