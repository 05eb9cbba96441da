import * as z from 'zod'
import { StartupError } from '../errors.ts'
import { storageName } from '../models/definition/blob-path.ts'
import { type ExecutionProvider, ExecutionProviders } from '../models/definition/execution-providers.ts'
import { logFormats, logLevels } from '../telemetry/log.ts'

/** Containers with the state of jobs and of the host. */
const ownContainers = /^(jobs$|azure-webjobs-)/
/** Queues that drive jobs, and of the host. */
const ownQueues = /^(scoring-job|azure-webjobs-)/
/** A full host name in lower case, with an optional port; no IP address, no wildcard; localhost with a port for tests. */
const hostPattern =
  /^(?=.{1,253}(:|$))(([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?|localhost(?=:))(:\d{1,5})?$/

const byteCount = z
  .string()
  .regex(/^[1-9]\d{0,14}$/, 'must be a whole number of bytes')
  .transform(Number)
const upTo9999 = z
  .string()
  .regex(/^[1-9]\d{0,3}$/, 'must be a whole number from 1 to 9999')
  .transform(Number)

type NameKind = 'container' | 'queue' | 'host'
const namePatterns = { container: storageName, queue: storageName, host: hostPattern }
/** Names that the app keeps for itself: the containers hold the signatures of jobs. */
const ownNames = { container: ownContainers, queue: ownQueues, host: undefined }

/** A list such as `input,output`. */
function nameList(kind: NameKind, byDefault: string) {
  return z
    .string()
    .default(byDefault)
    .transform((text, context) => readNames(text, kind, message => context.addIssue({ code: 'custom', message })))
}

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
  SCORING_MODEL_CACHE_BYTES: byteCount
    .default(2 * 2 ** 30)
    .describe('bytes of that folder; what is in use stays in any case; default: 2 GiB'),
  SCORING_LOAD: z
    .enum(['start', 'onDemand'], 'must be start or onDemand')
    .default('start')
    .describe('when services are loaded whose service.json does not say it: with the app, or with the first request'),
  SCORING_MAX_LOADED: upTo9999
    .default(16)
    .describe('services that are loaded on demand at a time; those that were not used for longest are unloaded'),
  SCORING_MAX_LOADED_BYTES: byteCount
    .optional()
    .describe('bytes that such services may need together, by the size of their models; default: half of the memory'),
  SCORING_DEFAULT_SERVICE: z.string().min(1).optional().describe('service behind /score; default: the only service'),
  SCORING_MAX_THREADS: z
    .string()
    .regex(/^([1-9]\d?|1\d\d|2[0-4]\d|25[0-6])$/, 'must be a whole number from 1 to 256')
    .transform(Number)
    .optional()
    .describe('maximum number of workers per service; default: processors minus one, at least 1'),
  SCORING_MAX_HELD_BYTES: byteCount
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
  SCORING_TRUSTED_PROXIES: z
    .string()
    .regex(/^(\d|10)$/, 'must be a whole number of proxies, 0 to 10')
    .default('0')
    .transform(Number)
    .describe(
      'proxies between clients and the app that append to X-Forwarded-For, without the front end of Azure Functions',
    ),
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
  SCORING_JOB_CONTAINERS: nameList('container', 'input,output').describe(
    'containers of the storage account that jobs may read from and write to',
  ),
  SCORING_JOB_INPUT_HOSTS: nameList('host', '').describe(
    'other hosts that jobs may read from, e.g. other.blob.core.windows.net; default: none',
  ),
  SCORING_JOB_EVENT_QUEUES: nameList('queue', 'job-events').describe(
    'queues of the storage account to which jobs may send that they have ended',
  ),
  SCORING_JOB_EVENT_HOSTS: nameList('host', '').describe(
    'hosts to which jobs may send that they have ended, over HTTPS; default: none',
  ),
  SCORING_JOB_MAX_INPUT_BYTES: byteCount
    .default(100 * 2 ** 30)
    .describe('maximum size of the input of a job after decompression; default: 100 GiB'),
  SCORING_JOB_MAX_UPLOAD_BYTES: byteCount
    .default(100 * 2 ** 20)
    .describe('maximum size of a file that comes with the submission of a job; default: 100 MiB'),
  SCORING_JOB_MAX_ACTIVE: upTo9999
    .default(200)
    .describe(
      'maximum number of active jobs per service, a quarter of them from messages and watched folders; beyond it these wait and HTTP gets 429',
    ),
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

export type Environment = z.infer<typeof Environment>

/** Variables by name, usually `process.env`. */
export type EnvironmentVariables = Record<string, string | undefined>

/** @throws StartupError naming the variable that is not valid; an empty one counts as absent */
export function readEnvironment(variables: EnvironmentVariables): Environment {
  const given = Object.fromEntries(Object.entries(variables).filter(([, value]) => value !== undefined && value !== ''))
  // Compiling a parser does not pay off for a single use.
  const parsed = Environment.safeParse(given, { jitless: true })
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  const name = String(issue?.path[0])
  throw new StartupError(`setting ${name}: ${issue?.message}, not "${variables[name]}"`)
}

/** By the registration of the timer, by commands, and by workspaces. */
const readElsewhere = new Set(['SCORING_JOB_SWEEP', 'SCORING_KEY', 'SCORING_URL'])

/** Returns the names of variables that look like settings of this app and are none, such as misspelt ones. */
export function unknownSettings(variables: EnvironmentVariables): string[] {
  const isKnown = (name: string) => Object.hasOwn(Environment.shape, name) || readElsewhere.has(name)
  return Object.keys(variables).filter(name => /^SCORING_(?!HOST_)/i.test(name) && !isKnown(name))
}

function readNames(text: string, kind: NameKind, refuse: (message: string) => void): string[] {
  const names = text
    .split(',')
    .map(name => name.trim())
    .filter(name => name !== '')
  const isOwn = (name: string) => ownNames[kind]?.test(name) === true
  const wrong = names.find(name => !namePatterns[kind].test(name) || isOwn(name))
  if (wrong !== undefined) {
    const why = isOwn(wrong) ? 'belongs to the app' : `is not a valid ${kind} name`
    // The whole setting follows: `…, not "a,b"`.
    refuse(`must be ${kind} names, separated by commas ("${wrong}" ${why})`)
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
