/** The services of the app: those that it starts with and, in Development, what becomes of them while it runs. */
import { describeLoad } from '../inference/load-report-line.ts'
import type { ScoringService } from '../inference/scoring-service.ts'
import { ServiceCatalogue } from '../models/catalogue/service-catalogue.ts'
import { ServiceSwaps } from '../models/catalogue/service-swaps.ts'
import type { ServiceDefinition } from '../models/definition/definition.ts'
import type { ModelStore } from '../models/repository/model-store.ts'
import { OpenedFiles } from '../models/repository/opened-files.ts'
import { hasScript } from '../models/repository/service-spec.ts'
import type { FileVersions, StoreFiles } from '../models/repository/store-changes.ts'
import { requireRoomForBody } from './byte-budgets.ts'
import { type ReadService, readService, type ServiceParts, startService } from './open-service.ts'
import type { ServiceAuthorizers } from './service-authorizers.ts'
import { ServiceWatch } from './service-watch.ts'
import type { Settings } from './settings.ts'

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

/** Of a service that did not exist at the start. */
const noTriggers = JSON.stringify({ http: { authLevel: 'anonymous' } } satisfies ServiceDefinition['triggers'])

/** Starts the services; models load in their threads meanwhile. */
export async function serveServices(read: readonly ReadService[], options: ServeOptions): Promise<ServedServices> {
  const { store, settings, authorizers, parts, files } = options
  const start = async (service: ReadService, versions: FileVersions | undefined) => {
    const opened = versions && new OpenedFiles(versions, () => store.readServiceFiles(service.name))
    return startService(service, await authorizers.authorizerFor(service), { ...parts, files: opened })
  }
  const known = (await files?.catch(() => undefined))?.services
  const services = await Promise.all(read.map(service => start(service, known?.get(service.name))))
  const firstLoads = Promise.all(services.map(announceLoad))
  const catalogue = new ServiceCatalogue(services, settings.defaultService)
  const registered = new Map(read.map(({ name, definition }) => [name, JSON.stringify(definition.triggers)]))
  const swaps = new ServiceSwaps({
    catalogue,
    open: async name => {
      const versions = await store.readServiceFiles(name) // before the others, so that a change in between is noticed
      const service = await readService(store, name, settings.executionProviders)
      requireRoomForBody(settings.maxHeldBytes, service)
      const triggers = JSON.stringify(service.definition.triggers)
      if (service.kind === 'readable' && triggers !== (registered.get(name) ?? noTriggers)) {
        registered.set(name, triggers)
        console.log(`[${name}] "triggers" in service.json has changed, which takes effect at the next start`)
      }
      return start(service, versions)
    },
    onServed: (name, served) => authorizers.release(name, served),
    log: line => console.log(line),
    logFailure: line => console.error(line),
    now: () => performance.now(),
  })
  const watch = new ServiceWatch({
    store,
    swaps,
    // A service that cannot be read may have a script.
    listScripted: () => catalogue.all.filter(({ spec }) => !spec || hasScript(spec)).map(({ name }) => name),
    log: line => console.error(line),
  })
  if (files) void watch.start(files, firstLoads)
  return {
    catalogue,
    stop: async () => {
      watch.stop()
      await Promise.all([swaps.stop(), ...catalogue.all.map(service => service.stop())])
    },
  }
}

/** Logs what became of the first load of a service. */
async function announceLoad(service: ScoringService): Promise<void> {
  const startedAt = performance.now()
  try {
    const report = await service.loaded
    const ms = Math.round(performance.now() - startedAt)
    console.log(`[${service.name}] ready after ${ms} ms: ${describeLoad(report, service.version)}`)
    for (const note of service.notes) console.log(`[${service.name}] ${note}`)
  } catch (failure) {
    console.error(`[${service.name}] not available: ${(failure as Error).message}`)
  }
}
