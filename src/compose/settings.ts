import * as z from 'zod'
import manifest from '../../package.json' with { type: 'json' }
import { StartupError } from '../errors.ts'
import { storageName } from '../models/definition/blob-path.ts'
import { type ExecutionProvider, ExecutionProviders } from '../models/definition/execution-providers.ts'
import { type LogSettings, logFormats, logLevels } from '../telemetry/log.ts'

/** The version of the app. */
export const appVersion = manifest.version

/** Containers with the state of jobs and of the host. */
const ownContainers = /^(jobs$|azure-webjobs-)/
/** Queues that drive jobs, and of the host. */
const ownQueues = /^(scoring-job|azure-webjobs-)/
/** A full host name in lower case, with an optional port; no IP address, no wildcard; localhost with a port for tests. */
const hostPattern =
  /^(?=.{1,253}(:|$))(([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?|localhost(?=:))(:\d{1,5})?$/

/** Environment variables, which are read once at start. */
const Environment = z.object({
  AZURE_FUNCTIONS_ENVIRONMENT: z.string().default('Production').describe('Development allows keys in a local file'),
  SCORING_MODELS: z
    .string()
    .min(1)
    .optional()
    .describe(
      'the services: a folder, or a container of blobs, https://<account>.blob.core.windows.net/<container> or blob:<container>; default: models/ in the app',
    ),
  SCORING_POLL_MS: z
    .string()
    .regex(/^[1-9]\d{2,7}$/, 'must be a whole number of milliseconds, 100 or more')
    .default('10000')
    .transform(Number)
    .describe('milliseconds between two looks for changed services in a container'),
  SCORING_MODEL_CACHE: z
    .string()
    .min(1)
    .optional()
    .describe(
      'folder for copies of the models of a container; default: scoring-functions-models in the temporary folder',
    ),
  SCORING_MODEL_CACHE_BYTES: z
    .string()
    .regex(/^[1-9]\d{0,14}$/, 'must be a whole number of bytes')
    .default(String(2 * 2 ** 30))
    .transform(Number)
    .describe('bytes of that folder; what is in use stays in any case; default: 2 GiB'),
  SCORING_LOAD: z
    .enum(['start', 'onDemand'], 'must be start or onDemand')
    .default('start')
    .describe('when services are loaded whose service.json does not say it: with the app, or with the first request'),
  SCORING_MAX_LOADED: z
    .string()
    .regex(/^[1-9]\d{0,3}$/, 'must be a whole number from 1 to 9999')
    .default('16')
    .transform(Number)
    .describe('services that are loaded on demand at a time; those that were not used for longest are unloaded'),
  SCORING_MAX_LOADED_BYTES: z
    .string()
    .regex(/^[1-9]\d{0,14}$/, 'must be a whole number of bytes')
    .transform(Number)
    .optional()
    .describe('bytes that such services may need together, by the size of their models; default: half of the memory'),
  SCORING_DEFAULT_SERVICE: z.string().min(1).optional().describe('service behind /score; default: the only service'),
  SCORING_MAX_THREADS: z
    .string()
    .regex(/^([1-9]\d?|1\d\d|2[0-4]\d|25[0-6])$/, 'must be a whole number from 1 to 256')
    .transform(Number)
    .optional()
    .describe('maximum number of workers per service; default: processors minus one, at least 1'),
  SCORING_MAX_HELD_BYTES: z
    .string()
    .regex(/^[1-9]\d{0,14}$/, 'must be a whole number of bytes')
    .transform(Number)
    .optional()
    .describe('maximum bytes of bodies and answers in memory, all services together; default: a quarter of the memory'),
  SCORING_METRICS: z
    .enum(['off', 'on', 'public'], 'must be off, on or public')
    .optional()
    .describe(
      'access to /metrics: on needs the key of a service, public needs none; default: public in Development, else off',
    ),
  SCORING_READY_WHEN: z
    .enum(['any', 'all'], 'must be any or all')
    .default('any')
    .describe(
      'when /health/ready answers 200: any (no service is loading and one can score) or all (every service can score)',
    ),
  SCORING_SERVER_TIMING: z
    .enum(['off', 'on'], 'must be off or on')
    .optional()
    .describe('whether answers have a Server-Timing header; default: on in Development, else off'),
  SCORING_LOG: z
    .enum(logFormats, 'must be off, text or json')
    .optional()
    .describe('a line for each request, as text or JSON; default: text in Development, else off'),
  SCORING_LOG_LEVEL: z
    .enum(logLevels, 'must be debug, info, warning or error')
    .default('info')
    .describe('lines of requests and scripts below this level are left out; health pages and metrics are debug'),
  SCORING_WATCH: z
    .enum(['off', 'on'], 'must be off or on')
    .default('on')
    .describe('whether changed services are loaded again; those of a folder only in Development'),
  SCORING_EXECUTION_PROVIDERS: z
    .string()
    .transform((text, context) => readProviders(text, message => context.addIssue({ code: 'custom', message })))
    .optional()
    .describe('execution providers of all services, instead of those in service.json: names, or a JSON list'),
  AZURE_AUTHORITY_HOST: z
    .string()
    .default('https://login.microsoftonline.com')
    .describe('issuer of tokens, named as in the Azure SDKs; other clouds have their own'),
  KEY_VAULT_URL: z.string().optional().describe('vault with the keys of the services'),
  AZURE_CLIENT_ID: z
    .string()
    .min(1)
    .optional()
    .describe('user-assigned identity that reads the vault; default: the system-assigned one'),
  AzureWebJobsStorage: z.string().optional().describe('storage of the host, and of batch jobs: connection string'),
  AzureWebJobsStorage__accountName: z
    .string()
    .optional()
    .describe('instead of a connection string: the account, accessed with the identity of the app'),
  AzureWebJobsStorage__blobServiceUri: z
    .string()
    .optional()
    .describe('URL of the blob service, instead of accountName'),
  AzureWebJobsStorage__queueServiceUri: z
    .string()
    .optional()
    .describe('URL of the queue service, instead of accountName'),
  AzureWebJobsStorage__credential: z.string().optional().describe('managedidentity'),
  AzureWebJobsStorage__clientId: z.string().optional().describe('user-assigned identity that accesses the storage'),
  SCORING_JOB_CONTAINERS: z
    .string()
    .default('input,output')
    .transform((text, context) => readNames(text, 'container', storageName, context))
    .describe('containers of the storage account that jobs may read from and write to'),
  SCORING_JOB_INPUT_HOSTS: z
    .string()
    .default('')
    .transform((text, context) => readNames(text, 'host', hostPattern, context))
    .describe('other hosts that jobs may read from, e.g. other.blob.core.windows.net; default: none'),
  SCORING_JOB_EVENT_QUEUES: z
    .string()
    .default('job-events')
    .transform((text, context) => readNames(text, 'queue', storageName, context))
    .describe('queues of the storage account to which jobs may send that they have ended'),
  SCORING_JOB_EVENT_HOSTS: z
    .string()
    .default('')
    .transform((text, context) => readNames(text, 'host', hostPattern, context))
    .describe('hosts to which jobs may send that they have ended, over HTTPS; default: none'),
  SCORING_JOB_MAX_INPUT_BYTES: z
    .string()
    .regex(/^[1-9]\d{0,14}$/, 'must be a whole number of bytes')
    .default(String(100 * 2 ** 30))
    .transform(Number)
    .describe('maximum size of the input of a job after decompression; default: 100 GiB'),
  SCORING_JOB_MAX_UPLOAD_BYTES: z
    .string()
    .regex(/^[1-9]\d{0,14}$/, 'must be a whole number of bytes')
    .default(String(100 * 2 ** 20))
    .transform(Number)
    .describe('maximum size of a file that comes with the submission of a job; default: 100 MiB'),
  SCORING_JOB_MAX_ACTIVE: z
    .string()
    .regex(/^[1-9]\d{0,3}$/, 'must be a whole number from 1 to 9999')
    .default('200')
    .transform(Number)
    .describe('maximum number of active jobs per service; beyond it messages wait and HTTP gets 429'),
  SCORING_JOB_RETENTION_DAYS: z
    .string()
    .regex(/^\d{1,4}$/, 'must be a whole number of days, at most 9999; 0 keeps jobs for ever')
    .default('30')
    .transform(Number)
    .describe('days after which an ended job is deleted with its files; 0: never'),
  SCORING_JOB_STALL_MS: z
    .string()
    .regex(/^[1-9]\d{2,8}$/, 'must be a whole number of milliseconds, 100 or more')
    .default('90000')
    .transform(Number)
    .describe('time after which a step of a job without progress is started again'),
  SCORING_ENCRYPTED_KEYS: z
    .string()
    .regex(storageName, 'must be the name of a container')
    .refine(name => !ownContainers.test(name), 'must not be a container of the app')
    .default('encrypted-keys')
    .describe('container of the storage account with the public keys of callers who send encrypted features'),
  SCORING_KEY_VAULT_TEST_CA: z
    .string()
    .min(1)
    .optional()
    .describe('tests only, for a vault on localhost: file with its certificate'),
  SCORING_KEY_VAULT_TEST_TOKEN: z
    .string()
    .min(1)
    .optional()
    .describe('tests only, for a vault on localhost: its token'),
})

/**
 * Returns the value of `x-ms-server-version`; undefined if `SERVER_VERSION_LOG_RESPONSE_ENABLED` is anything but `true`, in any
 * case (guide/contract.md).
 */
export function readServerVersion(environment: Record<string, string | undefined>): string | undefined {
  const isShown = (environment.SERVER_VERSION_LOG_RESPONSE_ENABLED || 'true').toLowerCase() === 'true'
  return isShown ? `${manifest.name}/${manifest.version}` : undefined
}

/** Whether the app runs on a developer's machine; known before it starts. */
export function isInDevelopment({ AZURE_FUNCTIONS_ENVIRONMENT }: Record<string, string | undefined>): boolean {
  return AZURE_FUNCTIONS_ENVIRONMENT?.toLowerCase() === 'development'
}

/** Returns how the log is written; a value that is not valid is reported by `readSettings`, and means the default here. */
export function readLogSettings(environment: Record<string, string | undefined>): LogSettings {
  const format = logFormats.find(each => each === environment.SCORING_LOG)
  const level = logLevels.find(each => each === environment.SCORING_LOG_LEVEL)
  return { format: format ?? (isInDevelopment(environment) ? 'text' : 'off'), level: level ?? 'info' }
}

/** Returns the sweeper's NCRONTAB schedule, which is needed for registration before the app starts. */
export function readSweepSchedule(environment: Record<string, string | undefined>): string {
  return environment.SCORING_JOB_SWEEP || '0 * * * * *'
}

/** By the registration of the timer, by commands, and by workspaces. */
const readElsewhere = new Set(['SCORING_JOB_SWEEP', 'SCORING_KEY', 'SCORING_URL'])

/** Returns the names of variables that look like settings of this app and are none, such as misspelt ones. */
export function unknownSettings(environment: Record<string, string | undefined>): string[] {
  const isKnown = (name: string) => Object.hasOwn(Environment.shape, name) || readElsewhere.has(name)
  return Object.keys(environment).filter(name => /^SCORING_(?!HOST_)/i.test(name) && !isKnown(name))
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
export function readSettings(
  environment: Record<string, string | undefined>,
  { appRoot, processorCount, temporaryDir }: Machine,
) {
  const given = Object.fromEntries(
    Object.entries(environment).filter(([, value]) => value !== undefined && value !== ''),
  )
  // Compiling a parser does not pay off for a single use.
  const parsed = Environment.safeParse(given, { jitless: true })
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    const name = String(issue?.path[0])
    throw new StartupError(`setting ${name}: ${issue?.message}, not "${environment[name]}"`)
  }
  const values = parsed.data
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
    storage: {
      connectionString: values.AzureWebJobsStorage,
      accountName: values.AzureWebJobsStorage__accountName,
      blobServiceUri: values.AzureWebJobsStorage__blobServiceUri,
      queueServiceUri: values.AzureWebJobsStorage__queueServiceUri,
      credential: values.AzureWebJobsStorage__credential,
      clientId: values.AzureWebJobsStorage__clientId,
    },
    jobs: {
      containers: values.SCORING_JOB_CONTAINERS,
      inputHosts: values.SCORING_JOB_INPUT_HOSTS,
      eventQueues: values.SCORING_JOB_EVENT_QUEUES,
      eventHosts: values.SCORING_JOB_EVENT_HOSTS,
      maxInputBytes: values.SCORING_JOB_MAX_INPUT_BYTES,
      maxUploadBytes: values.SCORING_JOB_MAX_UPLOAD_BYTES,
      maxActiveJobs: values.SCORING_JOB_MAX_ACTIVE,
      retentionDays: values.SCORING_JOB_RETENTION_DAYS,
      stallMs: values.SCORING_JOB_STALL_MS,
    },
  }
}

export type Settings = ReturnType<typeof readSettings>

/** Reads a list such as `input,output`. The app's own containers are rejected, because they hold the signatures of jobs. */
function readNames(
  text: string,
  kind: 'container' | 'queue' | 'host',
  pattern: RegExp,
  context: z.RefinementCtx,
): string[] {
  const names = text
    .split(',')
    .map(name => name.trim())
    .filter(name => name !== '')
  const own = { container: ownContainers, queue: ownQueues, host: undefined }[kind]
  const isOwn = (name: string) => own?.test(name) === true
  const wrong = names.find(name => !pattern.test(name) || isOwn(name))
  if (wrong !== undefined) {
    const why = isOwn(wrong) ? 'belongs to the app' : `is not a valid ${kind} name`
    context.addIssue({ code: 'custom', message: `must be ${kind} names, separated by commas; "${wrong}" ${why}` })
  }
  return names
}

/** Reads `cuda,cpu`, or a list as in `service.json`, for options: `[{"name": "cuda", "deviceId": 1}, "cpu"]`. */
function readProviders(text: string, refuse: (message: string) => void): ExecutionProvider[] {
  let list: unknown = text.split(',').map(name => name.trim())
  try {
    if (text.trimStart().startsWith('[')) list = JSON.parse(text)
  } catch (cause) {
    refuse(`is not JSON (${(cause as Error).message})`)
    return z.NEVER
  }
  const parsed = ExecutionProviders.safeParse(list)
  if (parsed.success) return parsed.data
  for (const { message } of parsed.error.issues) refuse(message)
  return z.NEVER
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
