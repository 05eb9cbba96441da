/** Composition root: settings in, wired services out. It names every adapter, but for those that only batch jobs need (`jobs-app.ts`). */
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openKeyVault } from '../adapters/azure/open-key-vault.ts'
import type { EntraAuthorizers } from '../adapters/entra-id/entra-authorizers.ts'
import { findAppRoot } from '../adapters/local/app-root.ts'
import { availableProcessors } from '../adapters/local/available-processors.ts'
import { FolderDocsFiles } from '../adapters/local/folder-docs-files.ts'
import { FolderModelStore } from '../adapters/local/folder-model-store.ts'
import { halfOfMemoryMb } from '../adapters/local/half-of-memory.ts'
import { KeyFile } from '../adapters/local/key-file.ts'
import { memoryBytes } from '../adapters/local/memory-bytes.ts'
import { observeProcess } from '../adapters/local/process-metrics.ts'
import { systemClock } from '../adapters/local/system-clock.ts'
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
import type { MetricFamily } from '../telemetry/metric.ts'
import { ScoringMetrics, type ServiceMetrics } from '../telemetry/service-metrics.ts'
import { ServiceScheduler } from '../workers/pool/service-scheduler.ts'
import { NodeWorker } from '../workers/transport/node-worker.ts'
import { endPrewarmedWorker } from '../workers/transport/prewarmed-worker.ts'
import { RunRecords } from '../workers/transport/run-records.ts'
import type { Jobs } from './jobs-app.ts'
import { openJobs } from './open-jobs.ts'
import { readServerVersion, readSettings, readSweepSchedule, type Settings } from './settings.ts'

interface App {
  readonly settings: Settings
  readonly catalogue: ServiceCatalogue
  readonly docsFiles: DocsFiles
  /** What `/metrics` shows. */
  readonly metrics: readonly MetricFamily[]
  /** Batch jobs, loaded when they are wanted for the first time; undefined: no storage is set. */
  readonly jobs: (() => Promise<Jobs>) | undefined
  /** The vault tells that a secret has a new version; the next request is checked against it. */
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
  const settings = readSettings(environment, appRoot, processorCount, tmpdir())
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
  if (!settings.isDevelopment) tellOpenServices(opened)
  const bytes = new ByteBudget(maxHeldBytes(settings, opened))
  const locked = lockedByKeys(opened, settings)
  const keys = new ServiceKeys(locked, {
    store: await openSecretStore(settings, locked),
    clock: systemClock,
    random: Math.random,
    log: line => console.error(line),
  })
  const keysLoaded = keys.load() // models load meanwhile
  const tokens = await loadEntraId(opened, settings)
  const runRecords = openRunRecords(settings)
  const scoringMetrics = new ScoringMetrics()
  // Who wants more threads than there are processors has scripts that wait for other things.
  const cpuShares = new CpuShares(Math.max(processorCount, settings.maxThreads), () => performance.now())
  const services = opened.map(({ name, definition, spec, documents, failure }) => {
    const metrics = scoringMetrics.ofService(name)
    const engine: Engine = spec
      ? { kind: 'scheduler', scheduler: startScheduler(spec, settings, cpuShares, metrics, runRecords) }
      : { kind: 'none', failure: failure ?? 'unknown' }
    const isKeyless = failure !== undefined && !locked.includes(name)
    const authorizer = isKeyless ? closed : authorizerFor(name, definition, keys, tokens)
    return new ScoringService({
      name,
      definition,
      authorizer,
      engine,
      documents,
      metrics,
      bytes: shareOf(bytes, definition, metrics),
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
    docsFiles: new FolderDocsFiles(join(settings.appRoot, 'dist', 'docs')),
    metrics: settings.metrics === 'off' ? metrics : [...metrics, ...observeProcess()],
    jobs,
    keysChanged: name => keys.keysChanged(name),
    stop,
  }
}

/**
 * Services that callers open with keys. One that cannot be opened has them too, so that its owner is told the reason;
 * but it is no reason to want a vault, and none is asked for what is no name.
 */
function lockedByKeys(opened: readonly OpenedService[], { keyVaultUrl, isDevelopment }: Settings): string[] {
  const canAsk = keyVaultUrl !== undefined || isDevelopment
  const isLocked = ({ name, definition, failure }: OpenedService) =>
    definition.auth.mode === 'key' && (failure === undefined || (canAsk && serviceNamePattern.test(name)))
  return opened.filter(isLocked).map(({ name }) => name)
}

/** Lets nobody in: what would open the service is not known. */
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

function tellOpenServices(opened: readonly OpenedService[]): void {
  for (const { name, definition } of opened) {
    if (definition.auth.mode === 'none') {
      console.error(`[${name}] open to everybody: service.json says "auth": {"mode": "none"}`)
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

/** A service that cannot be opened is named and answers 503; the others go on. */
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

/** Apps whose services take no tokens do not load what checks them. */
async function loadEntraId(
  services: readonly OpenedService[],
  { authorityHost }: Settings,
): Promise<EntraAuthorizers | undefined> {
  if (!services.some(({ definition }) => definition.auth.mode === 'token')) return undefined
  const { EntraAuthorizers } = await import('../adapters/entra-id/entra-authorizers.ts')
  return new EntraAuthorizers(authorityHost)
}

/** @returns undefined only for a service that says it is open */
function authorizerFor(
  name: string,
  { auth }: ServiceDefinition,
  keys: ServiceKeys,
  tokens: EntraAuthorizers | undefined,
): Authorizer | undefined {
  if (auth.mode === 'none') return undefined
  const authorizer = auth.mode === 'token' ? tokens?.authorizerFor(auth) : keys.authorizerOf(name)
  if (!authorizer) throw new StartupError(`service "${name}": nothing to check its callers with`)
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
  const scheduler = new ServiceScheduler({
    startWorker: onEvent => new NodeWorker(spec, { maxMemoryMb, onEvent, records: runRecords }),
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

/** What all requests may hold: at least one of the largest that a service takes. @throws StartupError */
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

/** Half of it, so that no service keeps all others out. */
function shareOf(whole: ByteBudget, { limits }: ServiceDefinition, metrics: ServiceMetrics): ByteBudget {
  const maxBytes = limits.maxHeldBytes ?? Math.max(Math.floor(whole.maxBytes / 2), limits.maxBodyBytes)
  return new ByteBudget(maxBytes, whole, () => metrics.rejected('QUEUE_FULL'))
}

/** Tells what the last process of the app was running, where that ended without notice. */
function openRunRecords({ runRecords: folder }: Settings): RunRecords | undefined {
  try {
    const records = new RunRecords(folder)
    for (const { service, requests } of records.lost) {
      const what = requests.map(id => id || 'of a batch job').join(', ')
      console.error(
        `[${service}] an earlier process of the app ended while it was running request${requests.length > 1 ? 's' : ''} ${what}`,
      )
    }
    return records
  } catch (failure) {
    console.error(`what is running when the process ends is not written down: ${(failure as Error).message}`)
    return undefined
  }
}

/** Known before the app starts: `GET /` waits for nothing. */
export const serverVersion = readServerVersion(process.env)
export const sweepSchedule = readSweepSchedule(process.env)

let started: Promise<App> | undefined

/** The app of this process, started on first use from its environment and the folder that holds `host.json`. */
export function startedApp(): Promise<App> {
  started ??= startWithPrewarmedWorker()
  return started
}

async function startWithPrewarmedWorker(): Promise<App> {
  try {
    const app = await startApp(process.env, findAppRoot())
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
