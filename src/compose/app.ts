/** Composition root: settings in, wired services out. It names every adapter, but for those that only batch jobs need (`jobs-app.ts`). */
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openKeyVault } from '../adapters/azure/open-key-vault.ts'
import type { EntraAuthorizers } from '../adapters/entra-id/entra-authorizers.ts'
import { findPackageRoot } from '../adapters/local/app-root.ts'
import { availableProcessors } from '../adapters/local/available-processors.ts'
import { FolderDocsFiles } from '../adapters/local/folder-docs-files.ts'
import { FolderModelStore } from '../adapters/local/folder-model-store.ts'
import { KeyFile } from '../adapters/local/key-file.ts'
import { halfOfMemoryMb, memoryBytes } from '../adapters/local/memory.ts'
import { openPrivateFolder } from '../adapters/local/private-folder.ts'
import { observeProcess } from '../adapters/local/process-metrics.ts'
import { systemClock } from '../adapters/local/system-clock.ts'
import { NodeWorker } from '../adapters/node-worker/node-worker.ts'
import { endPrewarmedWorker } from '../adapters/node-worker/prewarmed-worker.ts'
import { forwardToOpenTelemetry } from '../adapters/opentelemetry/forward-to-open-telemetry.ts'
import type { Authorizer } from '../auth/authorizer.ts'
import type { SecretStore } from '../auth/secret-store.ts'
import { ServiceKeys } from '../auth/service-keys.ts'
import { ScoringError, ServiceLoadError, StartupError } from '../errors.ts'
import { describeLoad } from '../inference/load-report-line.ts'
import { observeServices } from '../inference/observe-services.ts'
import { type Engine, ScoringService } from '../inference/scoring-service.ts'
import { ServiceCatalogue } from '../models/catalogue/service-catalogue.ts'
import { ServiceDefinition, serviceNamePattern } from '../models/definition/definition.ts'
import type { OwnDocuments } from '../models/definition/own-documents.ts'
import { withProviders } from '../models/repository/provider-attempts.ts'
import { hasScript, type ServiceSpec } from '../models/repository/service-spec.ts'
import type { DocsFiles } from '../protocols/ops/docs-files.ts'
import { ByteBudget } from '../scheduling/byte-budget.ts'
import { CpuShares } from '../scheduling/cpu-shares.ts'
import { LogFormat } from '../telemetry/log.ts'
import type { MetricFamily } from '../telemetry/metric.ts'
import { ScoringMetrics, type ServiceMetrics } from '../telemetry/service-metrics.ts'
import { ServiceScheduler } from '../workers/pool/service-scheduler.ts'
import { RunRecords } from '../workers/transport/run-records.ts'
import { openRequestLog } from './app-log.ts'
import type { Jobs } from './jobs-app.ts'
import { locateApp } from './locate-app.ts'
import { openJobs } from './open-jobs.ts'
import {
  readLogSettings,
  readServerVersion,
  readSettings,
  readSweepSchedule,
  type Settings,
  unknownSettings,
} from './settings.ts'

interface App {
  readonly settings: Settings
  readonly catalogue: ServiceCatalogue
  readonly docsFiles: DocsFiles
  /** The metrics that `/metrics` shows. */
  readonly metrics: readonly MetricFamily[]
  /** Batch jobs, loaded on first use; undefined: no storage is set. */
  readonly jobs: (() => Promise<Jobs>) | undefined
  /** Called when the vault has a new version of a secret; the next request is checked against it. */
  keysChanged(secretName: string): void
  stop(): Promise<void>
}

/**
 * Reads settings and definitions and begins to load every service; models load in their threads meanwhile.
 *
 * @throws StartupError with one line for the operator
 */
export async function startApp(environment: NodeJS.ProcessEnv, appRoot: string): Promise<App> {
  const processorCount = availableProcessors()
  const settings = readSettings(environment, { appRoot, processorCount, temporaryDir: tmpdir() })
  for (const name of unknownSettings(environment)) {
    console.error(`setting ${name} has no effect: this version has no such setting`)
  }
  const store = new FolderModelStore(settings.modelsDir)
  const names = await store.listServices()
  for (const name of await store.listUndefined()) {
    console.error(`"${name}" has a model, but is no service: it lacks a service.json ({} is enough)`)
  }
  if (names.length === 0)
    throw new StartupError(`no service in ${settings.modelsDir}: a service is a folder with a service.json`)
  if (settings.defaultService !== undefined && !names.includes(settings.defaultService)) {
    throw new StartupError(
      `SCORING_DEFAULT_SERVICE: there is no service "${settings.defaultService}"; there are: ${names.join(', ')}`,
    )
  }
  const opened = await Promise.all(names.map(name => openService(store, name, settings)))
  if (!settings.isDevelopment) logPublicServices(opened)
  const bytes = new ByteBudget(maxHeldBytes(settings, opened))
  const keyServices = protectedByKeys(opened, settings)
  const keys = new ServiceKeys(keyServices, {
    store: await openSecretStore(settings, keyServices),
    clock: systemClock,
    random: Math.random,
    log: line => console.error(line),
  })
  const keysLoaded = keys.load() // models load meanwhile
  const tokens = await loadEntraId(opened, settings)
  const runRecords = openRunRecords(settings)
  const scoringMetrics = new ScoringMetrics()
  // More threads than processors only helps scripts that wait on I/O.
  const cpuShares = new CpuShares(Math.max(processorCount, settings.maxThreads), () => performance.now())
  const services = opened.map(({ name, definition, spec, documents, failure }) => {
    const metrics = scoringMetrics.ofService(name)
    const engine: Engine = spec
      ? { kind: 'scheduler', scheduler: startScheduler(spec, settings, cpuShares, metrics, runRecords) }
      : { kind: 'none', failure: failure ?? 'unknown' }
    const isKeyless = failure !== undefined && !keyServices.includes(name)
    const authorizer = isKeyless ? closed : authorizerFor(name, definition, keys, tokens)
    return new ScoringService({
      name,
      definition,
      authorizer,
      engine,
      documents,
      metrics,
      bytes: openServiceBudget(bytes, definition, metrics),
      hasServerTiming: settings.hasServerTiming,
    })
  })
  const metrics = [...scoringMetrics.families, ...observeServices(services)]
  await forwardToOpenTelemetry(metrics, line => console.error(line))
  const catalogue = new ServiceCatalogue(
    new Map(services.map(service => [service.name, service])),
    settings.defaultService,
  )
  const specs = new Map(opened.flatMap(({ name, spec }) => (spec ? [[name, spec]] : [])))
  const stopping = new AbortController()
  const jobs = openJobs({ settings, catalogue, specs, stopping: stopping.signal })
  const stop = async () => {
    stopping.abort()
    keys.stop()
    await Promise.all(services.map(service => service.stop()))
    runRecords?.close()
  }
  await keysLoaded
  const [mistake] = keys.mistakes
  if (mistake !== undefined) {
    await stop()
    throw new StartupError(`${mistake}, so it is no key: write another value, or delete the secret`)
  }
  return {
    settings,
    catalogue,
    docsFiles: new FolderDocsFiles(join(findPackageRoot(), 'dist', 'docs')),
    metrics: settings.metrics === 'off' ? metrics : [...metrics, ...observeProcess()],
    jobs,
    keysChanged: name => keys.keysChanged(name),
    stop,
  }
}

/**
 * Services that are protected by keys. A service that could not be opened has keys too, so that its owner is told the
 * reason; but it does not make a vault necessary, and a vault is not asked for something that is no service name.
 */
function protectedByKeys(opened: readonly OpenedService[], { keyVaultUrl, isDevelopment }: Settings): string[] {
  const canAsk = keyVaultUrl !== undefined || isDevelopment
  const hasKeys = ({ name, definition, failure }: OpenedService) =>
    definition.auth.mode === 'key' && (failure === undefined || (canAsk && serviceNamePattern.test(name)))
  return opened.filter(hasKeys).map(({ name }) => name)
}

/** Refuses every caller: the file that would say who may call cannot be read. */
const closed: Authorizer = {
  isReady: false,
  authorize: () => {
    throw new ScoringError('SERVICE_UNAVAILABLE', 'The service could not be loaded. Check the logs for more info.')
  },
}

/** The vault at `KEY_VAULT_URL`, or the key file of a developer. */
async function openSecretStore(settings: Settings, services: readonly string[]): Promise<SecretStore> {
  if (settings.keyVaultUrl !== undefined) {
    return openKeyVault({
      url: settings.keyVaultUrl,
      isDevelopment: settings.isDevelopment,
      clientId: settings.azureClientId,
      testCaFile: settings.keyVaultTestCa,
      testToken: settings.keyVaultTestToken,
    })
  }
  if (services.length > 0 && !settings.isDevelopment) {
    throw new StartupError(
      'outside Development the keys live in Azure Key Vault: set KEY_VAULT_URL, or AZURE_FUNCTIONS_ENVIRONMENT=Development on a developer machine',
    )
  }
  const file = new KeyFile(join(settings.appRoot, '.local', 'keys.json'))
  await file.makeMissingKeys(services)
  return file
}

function logPublicServices(opened: readonly OpenedService[]): void {
  for (const { name, definition } of opened) {
    if (definition.auth.mode === 'none') {
      console.error(`[${name}] public: service.json says "auth": {"mode": "none"}`)
    }
  }
}

interface OpenedService {
  readonly name: string
  readonly definition: ServiceDefinition
  readonly spec?: ServiceSpec
  readonly documents?: OwnDocuments
  readonly failure?: string
}

/** Opens a service. One that cannot be opened is named in the log and answers 503; the others are served. */
async function openService(
  store: FolderModelStore,
  name: string,
  { executionProviders }: Settings,
): Promise<OpenedService> {
  try {
    const spec = withProviders(await store.openService(name), executionProviders)
    return { name, definition: spec.definition, spec, documents: await store.readDocuments(name) }
  } catch (failure) {
    const reason =
      failure instanceof ServiceLoadError ? failure.message : `cannot be read: ${(failure as Error).message}`
    console.error(`[${name}] not available: ${reason}`)
    return { name, definition: ServiceDefinition.parse({}), failure: reason }
  }
}

/** Loads the code that checks tokens, if a service takes any. */
async function loadEntraId(
  services: readonly OpenedService[],
  { authorityHost }: Settings,
): Promise<EntraAuthorizers | undefined> {
  if (!services.some(({ definition }) => definition.auth.mode === 'token')) return undefined
  const { EntraAuthorizers } = await import('../adapters/entra-id/entra-authorizers.ts')
  return new EntraAuthorizers(authorityHost)
}

/** @returns undefined only for a service that says it is public */
function authorizerFor(
  name: string,
  { auth }: ServiceDefinition,
  keys: ServiceKeys,
  tokens: EntraAuthorizers | undefined,
): Authorizer | undefined {
  if (auth.mode === 'none') return undefined
  const authorizer = auth.mode === 'token' ? tokens?.authorizerFor(auth) : keys.authorizer(name)
  if (!authorizer)
    throw new StartupError(`service "${name}": no keys and no tokens are configured to check its callers`)
  return authorizer
}

function startScheduler(
  spec: ServiceSpec,
  settings: Settings,
  cpuShares: CpuShares,
  metrics: ServiceMetrics,
  runRecords: RunRecords | undefined,
): ServiceScheduler {
  const { service, definition } = spec
  const maxMemoryMb = Math.min(definition.limits.maxMemoryMb, halfOfMemoryMb())
  const format = new LogFormat(settings.log, () => new Date())
  const scheduler = new ServiceScheduler({
    startWorker: onEvent => new NodeWorker(spec, { maxMemoryMb, onEvent, records: runRecords, format }),
    maxThreads: settings.maxThreads,
    timeoutMs: definition.limits.timeoutMs,
    loadTimeoutMs: definition.limits.loadTimeoutMs,
    maxQueued: definition.limits.maxQueued,
    maxQueuedBytes: definition.limits.maxQueuedBytes,
    maxQueueWaitMs: definition.limits.maxQueueWaitMs,
    maxMemoryMb,
    batchDelay: definition.batching,
    hasEntryScript: hasScript(spec),
    cpuShares,
    log: line => console.error(`[${service}] ${line}`),
    metrics,
  })
  const startedAt = performance.now()
  scheduler.start().then(
    report => {
      console.log(`[${service}] ready after ${Math.round(performance.now() - startedAt)} ms: ${describeLoad(report)}`)
      for (const note of report.notes) console.log(`[${service}] ${note}`)
    },
    failure => console.error(`[${service}] not available: ${(failure as Error).message}`),
  )
  return scheduler
}

/** Bytes that all requests together may hold: at least the largest body that a service takes. @throws StartupError */
function maxHeldBytes({ maxHeldBytes: given }: Settings, opened: readonly OpenedService[]): number {
  let largest = 0
  for (const { name, definition, spec } of opened) {
    const { maxBodyBytes } = definition.limits
    if (!spec) continue // it takes none
    if (given !== undefined && given < maxBodyBytes) {
      throw new StartupError(
        `setting SCORING_MAX_HELD_BYTES: ${given} is less than one body of service "${name}" may have, ${maxBodyBytes}: set more, or less in limits.maxBodyBytes of its service.json`,
      )
    }
    largest = Math.max(largest, maxBodyBytes)
  }
  return given ?? Math.max(Math.floor(memoryBytes() / 4), largest)
}

/** The byte budget of one service: half of the whole by default, so that no service can use up all of it. */
function openServiceBudget(whole: ByteBudget, { limits }: ServiceDefinition, metrics: ServiceMetrics): ByteBudget {
  const maxBytes = limits.maxHeldBytes ?? Math.max(Math.floor(whole.maxBytes / 2), limits.maxBodyBytes)
  return new ByteBudget(maxBytes, whole, () => metrics.rejected('QUEUE_FULL'))
}

/** Opens the records of runs, and logs what an earlier process was running when it ended unexpectedly. */
function openRunRecords({ runRecords: folder }: Settings): RunRecords | undefined {
  try {
    openPrivateFolder(folder)
    const records = new RunRecords(folder)
    for (const { service, requests } of records.lost) {
      const what = requests.map(id => id || 'of a batch job').join(', ')
      console.error(
        `[${service}] an earlier process of the app ended while it was running request${requests.length > 1 ? 's' : ''} ${what}`,
      )
    }
    return records
  } catch (failure) {
    console.error(
      `runs are not recorded, so a crash of the process will not name its request: ${(failure as Error).message}`,
    )
    return undefined
  }
}

/** Known before the app starts: `GET /` waits for nothing, and triggers and hooks are registered first. */
export const serverVersion = readServerVersion(process.env)
export const requestLog = openRequestLog(readLogSettings(process.env))
export const sweepSchedule = readSweepSchedule(process.env)

let started: Promise<App> | undefined

/** The app of this process, started on first use from its environment and the folder that holds `host.json`. */
export function startedApp(): Promise<App> {
  started ??= startWithPrewarmedWorker()
  return started
}

async function startWithPrewarmedWorker(): Promise<App> {
  try {
    const app = await startApp(process.env, locateApp())
    void endPrewarmedWorker() // no service had the limits that it was started with
    return app
  } catch (refusal) {
    await endPrewarmedWorker() // the process may end now, and must not while the thread is loading native code
    throw refusal
  }
}

/** Stops the app of this process, if it was started at all; a start that was refused has said so. */
export async function stopApp(): Promise<void> {
  await started?.then(
    app => app.stop(),
    () => {},
  )
}
