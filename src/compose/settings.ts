import manifest from '../../package.json' with { type: 'json' }
import { StartupError } from '../errors.ts'
import { type LogSettings, logFormats, logLevels } from '../telemetry/log.ts'
import { type Environment, type EnvironmentVariables, readEnvironment } from './environment.ts'

/** The version of the app. */
export const appVersion = manifest.version

/**
 * Returns the value of `x-ms-server-version`; undefined if `SERVER_VERSION_LOG_RESPONSE_ENABLED` is anything but `true`, in any
 * case (guide/contract.md).
 */
export function readServerVersion(environment: EnvironmentVariables): string | undefined {
  const isShown = (environment.SERVER_VERSION_LOG_RESPONSE_ENABLED || 'true').toLowerCase() === 'true'
  return isShown ? `${manifest.name}/${manifest.version}` : undefined
}

/** Whether the app runs on a developer's machine; known before it starts. */
export function isInDevelopment({ AZURE_FUNCTIONS_ENVIRONMENT }: EnvironmentVariables): boolean {
  return AZURE_FUNCTIONS_ENVIRONMENT?.toLowerCase() === 'development'
}

/** Returns how the log is written; a value that is not valid is reported by `readSettings`, and means the default here. */
export function readLogSettings(environment: EnvironmentVariables): LogSettings {
  const format = logFormats.find(each => each === environment.SCORING_LOG)
  const level = logLevels.find(each => each === environment.SCORING_LOG_LEVEL)
  return { format: format ?? (isInDevelopment(environment) ? 'text' : 'off'), level: level ?? 'info' }
}

/** Returns the sweeper's NCRONTAB schedule, which is needed for registration before the app starts. */
export function readSweepSchedule(environment: EnvironmentVariables): string {
  return environment.SCORING_JOB_SWEEP || '0 * * * * *'
}

/** Facts about the machine on which the app runs. */
export interface Machine {
  /** Folder that holds `host.json`. */
  readonly appRoot: string
  /** Number of processors that this process may use. */
  readonly processorCount: number
  /** Usually `os.tmpdir()`. */
  readonly temporaryDir: string
}

/**
 * Reads the settings.
 *
 * @param environment  usually `process.env`
 * @throws StartupError naming the variable
 */
export function readSettings(environment: EnvironmentVariables, { appRoot, processorCount, temporaryDir }: Machine) {
  const values = readEnvironment(environment)
  const isDevelopment = isInDevelopment(environment)
  return {
    isDevelopment,
    appRoot,
    models: values.SCORING_MODELS ?? `${appRoot}/models`,
    modelCache: {
      folder: values.SCORING_MODEL_CACHE ?? `${temporaryDir}/scoring-functions-models`,
      maxBytes: values.SCORING_MODEL_CACHE_BYTES,
    },
    pollMs: values.SCORING_POLL_MS,
    load: values.SCORING_LOAD,
    maxLoaded: values.SCORING_MAX_LOADED,
    maxLoadedBytes: values.SCORING_MAX_LOADED_BYTES,
    defaultService: values.SCORING_DEFAULT_SERVICE,
    authorityHost: readAuthorityHost(values.AZURE_AUTHORITY_HOST, isDevelopment),
    keyVaultUrl: values.KEY_VAULT_URL,
    azureClientId: values.AZURE_CLIENT_ID,
    trustedProxies: values.SCORING_TRUSTED_PROXIES,
    keyVaultTestCa: values.SCORING_KEY_VAULT_TEST_CA,
    keyVaultTestToken: values.SCORING_KEY_VAULT_TEST_TOKEN,
    metrics: values.SCORING_METRICS ?? (isDevelopment ? 'public' : 'off'),
    readyWhen: values.SCORING_READY_WHEN,
    log: readLogSettings(environment),
    hasServerTiming: (values.SCORING_SERVER_TIMING ?? (isDevelopment ? 'on' : 'off')) === 'on',
    maxThreads: values.SCORING_MAX_THREADS ?? Math.max(1, processorCount - 1),
    maxHeldBytes: values.SCORING_MAX_HELD_BYTES,
    // Workers record what they run, for the next process to report after a crash.
    runRecords: isDevelopment ? `${appRoot}/.local/running` : `${temporaryDir}/scoring-functions-running`,
    watch: values.SCORING_WATCH,
    executionProviders: values.SCORING_EXECUTION_PROVIDERS,
    encryptedKeys: values.SCORING_ENCRYPTED_KEYS,
    storage: storageSettings(values),
    jobs: jobSettings(values),
  }
}

export type Settings = ReturnType<typeof readSettings>

/** The storage account, as the Azure host finds it. */
function storageSettings(values: Environment) {
  return {
    connectionString: values.AzureWebJobsStorage,
    accountName: values.AzureWebJobsStorage__accountName,
    blobServiceUri: values.AzureWebJobsStorage__blobServiceUri,
    queueServiceUri: values.AzureWebJobsStorage__queueServiceUri,
    credential: values.AzureWebJobsStorage__credential,
    clientId: values.AzureWebJobsStorage__clientId,
  }
}

function jobSettings(values: Environment) {
  return {
    containers: values.SCORING_JOB_CONTAINERS,
    inputHosts: values.SCORING_JOB_INPUT_HOSTS,
    eventQueues: values.SCORING_JOB_EVENT_QUEUES,
    eventHosts: values.SCORING_JOB_EVENT_HOSTS,
    maxInputBytes: values.SCORING_JOB_MAX_INPUT_BYTES,
    maxUploadBytes: values.SCORING_JOB_MAX_UPLOAD_BYTES,
    maxActiveJobs: values.SCORING_JOB_MAX_ACTIVE,
    retentionDays: values.SCORING_JOB_RETENTION_DAYS,
    stallMs: values.SCORING_JOB_STALL_MS,
  }
}

/** Validates the issuer's URL: an attacker who answers for it could issue tokens, so it must be HTTPS. */
function readAuthorityHost(url: string, isDevelopment: boolean): string {
  const { protocol, hostname, origin } = URL.parse(url) ?? {}
  const isDouble = isDevelopment && protocol === 'http:' && ['localhost', '127.0.0.1', '[::1]'].includes(hostname ?? '')
  if (origin !== undefined && (protocol === 'https:' || isDouble)) return origin
  // The text may hold a password, so it is not quoted.
  throw new StartupError(
    'setting AZURE_AUTHORITY_HOST: must be an https URL such as https://login.microsoftonline.com (http only in Development, on this machine)',
  )
}
