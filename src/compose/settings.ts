import * as z from 'zod'
import manifest from '../../package.json' with { type: 'json' }
import { StartupError } from '../errors.ts'
import type { ReadyWhen } from '../models/catalogue/service-catalogue.ts'
import { type ExecutionProvider, ExecutionProviders } from '../models/definition/execution-providers.ts'
import type { MetricsAccess } from '../protocols/ops/metrics.ts'

/** Names of containers ("Naming and referencing containers, blobs, and metadata"). */
const containerPattern = /^(?=.{3,63}$)[a-z0-9]+(-[a-z0-9]+)*$/
/** A full host name in lower case, with a port where it is not 443; no addresses and no patterns; for tests also this machine. */
const hostPattern =
  /^(?=.{1,253}(:|$))(([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?|localhost(?=:))(:\d{1,5})?$/

/** Environment variables that the app reads, once, at start. */
const Environment = z.object({
  AZURE_FUNCTIONS_ENVIRONMENT: z.string().default('Production').describe('Development allows keys in a local file'),
  SCORING_MODELS: z.string().min(1).optional().describe('folder of services; default: models/ in the app'),
  SCORING_DEFAULT_SERVICE: z
    .string()
    .min(1)
    .optional()
    .describe('service behind /score; default: the only one there is'),
  SCORING_MAX_THREADS: z
    .string()
    .regex(/^([1-9]\d?|1\d\d|2[0-4]\d|25[0-6])$/, 'must be a whole number from 1 to 256')
    .transform(Number)
    .optional()
    .describe('scoring threads a service may have; default: processors minus one, at least 1'),
  SCORING_MAX_HELD_BYTES: z
    .string()
    .regex(/^[1-9]\d{0,14}$/, 'must be a whole number of bytes')
    .transform(Number)
    .optional()
    .describe(
      'bytes that bodies and answers may hold at a time, all services together; default: a quarter of the memory',
    ),
  SCORING_METRICS: z
    .enum(['off', 'on', 'public'], 'must be off, on or public')
    .optional()
    .describe(
      '/metrics: on shows a service to whoever has its key, public to everybody; default: public in Development',
    ),
  SCORING_READY_WHEN: z
    .enum(['any', 'all'], 'must be any or all')
    .default('any')
    .describe(
      'when /health/ready says 200: any service can score and none is being loaded any more, or all services can',
    ),
  SCORING_SERVER_TIMING: z
    .enum(['off', 'on'], 'must be off or on')
    .optional()
    .describe('whether answers tell where their time went; default: on in Development, else off'),
  SCORING_EXECUTION_PROVIDERS: z
    .string()
    .transform((text, context) => readProviders(text, message => context.addIssue({ code: 'custom', message })))
    .optional()
    .describe('execution providers of all services, in place of those in service.json: names, or a JSON list'),
  AZURE_AUTHORITY_HOST: z
    .string()
    .default('https://login.microsoftonline.com')
    .describe('who issues tokens, as the Azure SDKs read it; other clouds than the public one have their own'),
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
    .describe('in place of a connection string: account, opened with the identity of the app'),
  AzureWebJobsStorage__blobServiceUri: z.string().optional().describe('where the blobs are, in place of accountName'),
  AzureWebJobsStorage__queueServiceUri: z.string().optional().describe('where the queues are, in place of accountName'),
  AzureWebJobsStorage__credential: z.string().optional().describe('managedidentity'),
  AzureWebJobsStorage__clientId: z.string().optional().describe('user-assigned identity that opens the storage'),
  SCORING_JOB_CONTAINERS: z
    .string()
    .default('input,output')
    .transform((text, context) => readNames(text, 'container', containerPattern, context))
    .describe('containers of the storage account that jobs may read from and write to'),
  SCORING_JOB_INPUT_HOSTS: z
    .string()
    .default('')
    .transform((text, context) => readNames(text, 'host', hostPattern, context))
    .describe('hosts elsewhere that jobs may read from, e.g. other.blob.core.windows.net; default: none'),
  SCORING_JOB_MAX_INPUT_BYTES: z
    .string()
    .regex(/^[1-9]\d{0,14}$/, 'must be a whole number of bytes')
    .default(String(100 * 2 ** 30))
    .transform(Number)
    .describe('how large the input of a job may be, unpacked; default: 100 GiB'),
  SCORING_JOB_MAX_ACTIVE: z
    .string()
    .regex(/^[1-9]\d{0,3}$/, 'must be a whole number from 1 to 9999')
    .default('200')
    .transform(Number)
    .describe('jobs of one service at a time that have not ended; messages wait beyond it, HTTP gets 429'),
  SCORING_JOB_STALL_MS: z
    .string()
    .regex(/^[1-9]\d{2,8}$/, 'must be a whole number of milliseconds, 100 or more')
    .default('90000')
    .transform(Number)
    .describe('a step of a job that has not been heard of for so long is taken up again'),
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
 * What `x-ms-server-version` says, unless `SERVER_VERSION_LOG_RESPONSE_ENABLED` is anything but `true`, in any case
 * (Azure ML contract, section 2): undefined then.
 */
export function readServerVersion(environment: Record<string, string | undefined>): string | undefined {
  const isShown = (environment.SERVER_VERSION_LOG_RESPONSE_ENABLED || 'true').toLowerCase() === 'true'
  return isShown ? `${manifest.name}/${manifest.version}` : undefined
}

/** When the sweeper looks after batch jobs, as an NCRONTAB expression; known before the app starts, to be registered. */
export function readSweepSchedule(environment: Record<string, string | undefined>): string {
  return environment.SCORING_JOB_SWEEP || '0 * * * * *'
}

/** What the environment says, checked. */
export interface Settings {
  isDevelopment: boolean
  /** Folder that holds `host.json`. */
  appRoot: string
  /** Folder of services, each with a `service.json`. */
  modelsDir: string
  defaultService: string | undefined
  /** Origin of the issuer of tokens, e.g. `https://login.microsoftonline.com`. */
  authorityHost: string
  /** undefined, in Development only: keys are in a local file. */
  keyVaultUrl: string | undefined
  azureClientId: string | undefined
  keyVaultTestCa: string | undefined
  keyVaultTestToken: string | undefined
  metrics: MetricsAccess
  readyWhen: ReadyWhen
  /** Answers have the header `Server-Timing`. */
  hasServerTiming: boolean
  /** Scoring threads per service, at most. */
  maxThreads: number
  /** Bytes that bodies and answers of all services may hold at a time; undefined: a part of the memory there is. */
  maxHeldBytes: number | undefined
  /** Folder in which threads write down what they run, for the process that comes after this one. */
  runRecords: string
  /** In place of what the services ask for; undefined: each as its `service.json` says. */
  executionProviders: ExecutionProvider[] | undefined
  /** Where batch jobs are kept, see `adapters/azure/storage-address.ts`. */
  storage: {
    connectionString: string | undefined
    accountName: string | undefined
    blobServiceUri: string | undefined
    queueServiceUri: string | undefined
    credential: string | undefined
    clientId: string | undefined
  }
  /** What jobs may read and write. */
  jobs: {
    /** Of the storage account of the app. */
    containers: string[]
    /** Elsewhere. */
    inputHosts: string[]
    /** Unpacked. */
    maxInputBytes: number
    /** Of one service, at a time. */
    maxActiveJobs: number
    stallMs: number
  }
}

/**
 * @param environment     usually `process.env`
 * @param appRoot         folder that holds `host.json`
 * @param processorCount  processors that this process may use
 * @param temporaryDir    usually `os.tmpdir()`
 * @throws StartupError naming the variable
 */
export function readSettings(
  environment: Record<string, string | undefined>,
  appRoot: string,
  processorCount: number,
  temporaryDir: string,
): Settings {
  const given = Object.fromEntries(
    Object.entries(environment).filter(([, value]) => value !== undefined && value !== ''),
  )
  // Once only: zod would first compile a parser for it.
  const parsed = Environment.safeParse(given, { jitless: true })
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    const name = String(issue?.path[0])
    throw new StartupError(`setting ${name}: ${issue?.message}, not "${environment[name]}"`)
  }
  const values = parsed.data
  const isDevelopment = values.AZURE_FUNCTIONS_ENVIRONMENT.toLowerCase() === 'development'
  return {
    isDevelopment,
    appRoot,
    modelsDir: values.SCORING_MODELS ?? `${appRoot}/models`,
    defaultService: values.SCORING_DEFAULT_SERVICE,
    authorityHost: readAuthorityHost(values.AZURE_AUTHORITY_HOST, isDevelopment),
    keyVaultUrl: values.KEY_VAULT_URL,
    azureClientId: values.AZURE_CLIENT_ID,
    keyVaultTestCa: values.SCORING_KEY_VAULT_TEST_CA,
    keyVaultTestToken: values.SCORING_KEY_VAULT_TEST_TOKEN,
    metrics: values.SCORING_METRICS ?? (isDevelopment ? 'public' : 'off'),
    readyWhen: values.SCORING_READY_WHEN,
    hasServerTiming: (values.SCORING_SERVER_TIMING ?? (isDevelopment ? 'on' : 'off')) === 'on',
    maxThreads: values.SCORING_MAX_THREADS ?? Math.max(1, processorCount - 1),
    maxHeldBytes: values.SCORING_MAX_HELD_BYTES,
    runRecords: isDevelopment ? `${appRoot}/.local/running` : `${temporaryDir}/scoring-functions-running`,
    executionProviders: values.SCORING_EXECUTION_PROVIDERS,
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
      maxInputBytes: values.SCORING_JOB_MAX_INPUT_BYTES,
      maxActiveJobs: values.SCORING_JOB_MAX_ACTIVE,
      stallMs: values.SCORING_JOB_STALL_MS,
    },
  }
}

/** `input,output`. What the app keeps for itself is not for jobs to read: their signatures are in there. */
function readNames(text: string, kind: 'container' | 'host', pattern: RegExp, context: z.RefinementCtx): string[] {
  const names = text
    .split(',')
    .map(name => name.trim())
    .filter(name => name !== '')
  const isOwn = (name: string) => kind === 'container' && /^(jobs$|azure-webjobs-)/.test(name)
  const wrong = names.find(name => !pattern.test(name) || isOwn(name))
  if (wrong !== undefined) {
    const why = isOwn(wrong) ? 'belongs to the app' : `is no name of a ${kind}`
    context.addIssue({ code: 'custom', message: `must be names of ${kind}s with commas between; "${wrong}" ${why}` })
  }
  return names
}

/** `cuda,cpu`, or the list as `service.json` has it, for options: `[{"name": "cuda", "deviceId": 1}, "cpu"]`. */
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

/** Whoever answers there opens every service that takes tokens, so nobody on the way may answer instead. */
function readAuthorityHost(url: string, isDevelopment: boolean): string {
  const { protocol, hostname, origin } = URL.parse(url) ?? {}
  const isDouble = isDevelopment && protocol === 'http:' && ['localhost', '127.0.0.1', '[::1]'].includes(hostname ?? '')
  if (origin !== undefined && (protocol === 'https:' || isDouble)) return origin
  // The text may hold a password, so it is not quoted.
  throw new StartupError(
    'setting AZURE_AUTHORITY_HOST: must be an https URL such as https://login.microsoftonline.com (http only in Development, on this machine)',
  )
}
