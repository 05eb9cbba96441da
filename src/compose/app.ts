/** Composition root: settings in, wired services out. It names every adapter, but for those that only batch jobs need (`jobs-app.ts`). */
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findPackageRoot } from '../adapters/local/app-root.ts'
import { availableProcessors } from '../adapters/local/available-processors.ts'
import { FolderDocsFiles } from '../adapters/local/folder-docs-files.ts'
import { readFunctionTimeoutMs } from '../adapters/local/function-timeout.ts'
import { openPrivateFolder } from '../adapters/local/private-folder.ts'
import { observeProcess } from '../adapters/local/process-metrics.ts'
import { endPrewarmedWorker } from '../adapters/node-worker/prewarmed-worker.ts'
import { loadOpenTelemetry } from '../adapters/opentelemetry/load-open-telemetry.ts'
import { StartupError } from '../errors.ts'
import { observeServices } from '../inference/observe-services.ts'
import type { ServiceCatalogue } from '../models/catalogue/service-catalogue.ts'
import { describeUndefined, type ModelStore } from '../models/repository/model-store.ts'
import type { DocsFiles } from '../protocols/ops/docs-files.ts'
import { CpuShares } from '../scheduling/cpu-shares.ts'
import { jobRowsPrefix } from '../scheduling/inference-request.ts'
import type { ColdStart } from '../telemetry/cold-start.ts'
import { LogFormat } from '../telemetry/log.ts'
import type { MetricFamily } from '../telemetry/metric.ts'
import { ScoringMetrics } from '../telemetry/service-metrics.ts'
import type { Tracing } from '../telemetry/tracing.ts'
import { LoadQueue } from '../workers/pool/load-queue.ts'
import { RunRecords } from '../workers/transport/run-records.ts'
import { openRequestLog } from './app-log.ts'
import { openAppBudget } from './byte-budgets.ts'
import type { KeyStorage } from './encrypted-requests.ts'
import { unknownSettings } from './environment.ts'
import type { Jobs, JobsParts } from './jobs-app.ts'
import { locateApp } from './locate-app.ts'
import { openEncrypted } from './open-encrypted.ts'
import { openJobs } from './open-jobs.ts'
import { openModelStore } from './open-model-store.ts'
import { type ReadService, readService, type ServiceParts } from './open-service.ts'
import { serveServices } from './served-services.ts'
import { ServiceAuthorizers } from './service-authorizers.ts'
import {
  appVersion,
  readLogSettings,
  readServerVersion,
  readSettings,
  readSweepSchedule,
  type Settings,
} from './settings.ts'
import { tellColdStart } from './tell-cold-start.ts'

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
  for (const name of unknownSettings(environment))
    console.error(`setting ${name} has no effect: this version has no such setting`)
  const { store, read, files } = await readStore(settings)
  const authorizers = await ServiceAuthorizers.open(settings, read)
  const keysLoaded = authorizers.loadKeys() // models load meanwhile
  keysLoaded.catch(() => {}) // awaited below
  const openTelemetry = await loadOpenTelemetry(environment, appVersion, line => console.error(line))
  const runRecords = openRunRecords(settings)
  const scoringMetrics = new ScoringMetrics()
  const parts: ServiceParts = {
    ...makeParts(settings, processorCount),
    bytes: openAppBudget(settings.maxHeldBytes, read),
    metrics: scoringMetrics,
    tracing: openTelemetry?.tracing,
    functionTimeoutMs: readFunctionTimeoutMs(appRoot, environment),
    runRecords,
  }
  const served = await serveServices(read, { store, settings, authorizers, parts, files })
  const { catalogue } = served
  const { tracing } = parts
  tellFirstAnswer(settings, tracing)
  const isRejected = (name: string) => catalogue.rejected(name) !== undefined
  const metrics = [...scoringMetrics.families, ...observeServices(() => catalogue.all, isRejected)]
  openTelemetry?.forwardMetrics(metrics)
  const jobs = openBackgroundJobs({ settings, catalogue, metrics: scoringMetrics, tracing }, runRecords)
  const stop = async () => {
    const jobsEnd = jobs.stop()
    authorizers.stop()
    await Promise.all([served.stop(), jobsEnd])
    await openTelemetry?.stop()
    runRecords?.close()
  }
  await keysLoaded.catch(async mistake => {
    await stop()
    throw mistake
  })
  return {
    settings,
    catalogue,
    docsFiles: new FolderDocsFiles(join(findPackageRoot(), 'dist', 'docs')),
    metrics: settings.metrics === 'off' ? metrics : [...metrics, ...observeProcess()],
    jobs: jobs.open,
    keysChanged: name => authorizers.keysChanged(name),
    stop,
  }
}

/** Tells how long the start of this process took, where it is watched. In Development the answer says it, and starts are many. */
function tellFirstAnswer({ isDevelopment }: Settings, tracing: Tracing | undefined): void {
  const log = isDevelopment ? undefined : (line: string) => console.log(line)
  watchedStart?.whenAnswered(tellColdStart(tracing, log))
}

/** Opens batch jobs, and at once if an earlier process ended while it scored for one: nothing else may open them before the sweeper. */
function openBackgroundJobs(
  parts: Pick<JobsParts, 'settings' | 'catalogue' | 'metrics' | 'tracing'>,
  runRecords: RunRecords | undefined,
): { readonly open: App['jobs']; stop(): Promise<void> } {
  const lostRequests = runRecords?.lost.flatMap(({ requests }) => requests) ?? []
  const jobs = openJobs({ ...parts, lostRequests })
  if (lostRequests.some(name => name.startsWith(jobRowsPrefix))) void jobs?.open().catch(() => {})
  return { open: jobs?.open, stop: async () => jobs?.stop() }
}

/** What services share, as far as the settings say it. */
function makeParts(settings: Settings, processorCount: number) {
  return {
    maxThreads: settings.maxThreads,
    // More threads than processors only helps scripts that wait on I/O.
    cpuShares: new CpuShares(Math.max(processorCount, settings.maxThreads), () => performance.now()),
    coldStart: watchedStart,
    loads: new LoadQueue(processorCount),
    logFormat: new LogFormat(settings.log, () => new Date()),
    hasServerTiming: settings.hasServerTiming,
    encrypted: openEncrypted(readKeyStorage(settings)),
  }
}

function readKeyStorage(settings: Settings): KeyStorage {
  const { encryptedKeys, storage, azureClientId, isDevelopment, trustedProxies } = settings
  return {
    container: encryptedKeys,
    storage: { ...storage, defaultClientId: azureClientId, isDevelopment },
    trustedProxies,
  }
}

/** Opens what holds the services, and reads them. */
async function readStore(settings: Settings) {
  const store = await openModelStore(settings)
  // Read before the services are, so that a change in between is noticed.
  const isWatching = settings.watch === 'on' && (store.isElsewhere === true || settings.isDevelopment)
  const files = isWatching ? store.readFiles() : undefined
  files?.catch(() => {}) // the watch says so
  const read = await readServices(store, settings, isWatching)
  return { store, read, files }
}

/**
 * Reads all services. One that cannot be read is named in the log and answers 503; the others are served.
 *
 * @param isWatching  whether services may come while the app runs
 */
async function readServices(store: ModelStore, settings: Settings, isWatching: boolean): Promise<ReadService[]> {
  const [names, withoutDefinition] = await Promise.all([store.listServices(), store.listUndefined()])
  for (const name of withoutDefinition) console.error(describeUndefined(name))
  if (names.length === 0 && !isWatching)
    throw new StartupError(`no service in ${store.location}: a service is a folder with a service.json`)
  if (names.length === 0)
    console.error(`no service in ${store.location} yet; one that is deployed is served without a restart`)
  if (settings.defaultService !== undefined && !names.includes(settings.defaultService) && !store.isElsewhere) {
    throw new StartupError(
      `SCORING_DEFAULT_SERVICE: there is no service "${settings.defaultService}"; there are: ${names.join(', ')}`,
    )
  }
  const read = await Promise.all(names.map(name => readService(store, name, settings.executionProviders)))
  for (const { name, definition } of read) {
    if (!settings.isDevelopment && definition.auth.mode === 'none')
      console.error(`[${name}] public: service.json says "auth": {"mode": "none"}`)
  }
  return read
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

let watchedStart: ColdStart | undefined

/** To be called before the app starts: its first answer will tell how long its start took. */
export function watchColdStart(start: ColdStart): void {
  watchedStart = start
}

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
  await endPrewarmedWorker() // of an app that was read and not started
}
