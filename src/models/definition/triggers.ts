/** The `"triggers"` of a `service.json`: what besides HTTP makes a service score, and where its answers go. */
import * as z from 'zod'
import { blobPathRule, canMatch, parseBlobPath, storageName } from './blob-path.ts'

/** Naming rules of Azure Storage: "Naming queues and metadata". */
const storageQueue = z
  .string()
  .regex(storageName, 'must be the name of a queue: 3 to 63 characters of a-z, 0-9 and single "-" between them')
/** Its messages drive batch jobs, or are those that failed. */
const requestQueue = storageQueue.refine(
  name => !name.endsWith('-poison') && !/^(scoring-job|azure-webjobs-|webjobs-)/.test(name),
  'belongs to the app or its host, or ends in "-poison"; choose another queue',
)

/** Naming rules of Service Bus: "Azure resource providers, Microsoft.ServiceBus". */
const serviceBusQueue = z
  .string()
  .regex(
    /^(?=.{1,260}$)[A-Za-z0-9]([\w./-]*[A-Za-z0-9_])?$/,
    'must be the name of a queue: letters, digits, ".", "-", "_" and "/", a letter or digit first',
  )

/** A setting, by its name: a connection string, or the prefix of settings such as `…__accountName`. */
const connection = (initial: string) =>
  z
    .string()
    .regex(/^[A-Za-z]\w{0,127}$/, 'must be the name of a setting, such as OrdersStorage; never the connection string')
    .default(initial)
    .describe(
      `name of the setting with the connection string, or of the settings <name>__… for an identity; default: ${initial}`,
    )

/** The settings that a `connection` may mean, in the order in which Azure's host looks for them. */
export function connectionSettings(name: string): readonly string[] {
  return name.startsWith('AzureWebJobs') ? [name] : [`AzureWebJobs${name}`, name]
}

const contentType = z
  .string()
  .regex(/^[\w.+-]+\/[\w.+-]+(\s*;\s*[\w-]+=("[^"]*"|[^\s;"]+))*$/, 'must be a media type, such as application/json')

const blobPath = z.string().superRefine((path, context) => {
  const fault = blobPathRule(path)
  if (fault !== undefined) context.addIssue({ code: 'custom', message: fault })
})

const Http = z.strictObject({
  authLevel: z
    .enum(['anonymous', 'function', 'admin'])
    .default('anonymous')
    .describe(
      "key of Azure Functions that callers show beside the service's own: none, one of the function or the app, or the master key. Services share their routes, so the strictest level of all services holds for all",
    ),
})

const Blob = z.lazy(() =>
  z
    .strictObject({
      input: blobPath.describe(
        'container and path with {name}, e.g. "requests/{name}": each new or changed blob is a body',
      ),
      output: blobPath.describe('where its answer goes, e.g. "answers/{name}.json"; overwritten'),
      connection: connection('AzureWebJobsStorage'),
      source: z
        .enum(['polling', 'eventGrid'])
        .default('polling')
        .describe(
          'how Azure learns of blobs: polling: it lists the container; eventGrid: by events, within a second, which Flex Consumption requires',
        ),
      contentType: contentType
        .optional()
        .describe('of the bodies; absent: as the blob says, or the ending of its name where the blob does not tell'),
    })
    .refine(({ input, output }) => !canLoop(input, output), {
      path: ['output'],
      error:
        'may be a new blob for "input", which would be scored again without end; use another container, folder or ending',
    }),
)

const Queue = z.lazy(() =>
  z
    .strictObject({
      input: requestQueue
        .max(56, 'must have at most 56 characters, so that there can be a queue "<name>-poison"')
        .describe('queue of Azure Storage: each message is a body'),
      output: requestQueue.describe('queue that gets the answers, each with the id of its message'),
      connection: connection('AzureWebJobsStorage'),
      encoding: z
        .enum(['text', 'base64'])
        .optional()
        .describe('of the messages; absent: base64 where a message is nothing but base64, else text'),
      contentType: contentType.default('application/json').describe('of the bodies; default: application/json'),
    })
    .refine(({ input, output }) => input !== output, { path: ['output'], error: 'must not be the queue of "input"' }),
)

const ServiceBus = z.lazy(() =>
  z
    .strictObject({
      input: serviceBusQueue.describe('queue of Service Bus, without sessions: each message is a body'),
      output: serviceBusQueue.describe('queue that gets the answers, with the correlation id of their requests'),
      connection: connection('AzureWebJobsServiceBus'),
      contentType: contentType
        .optional()
        .describe('of the bodies; absent: as the message says, or application/json where it does not'),
    })
    .refine(({ input, output }) => input.toLowerCase() !== output.toLowerCase(), {
      path: ['output'],
      error: 'must not be the queue of "input"',
    }),
)

/** What makes a service score. The last three have no caller: access to the input is the authorization. */
export const Triggers = z.strictObject({
  http: Http.prefault({}),
  blob: Blob.optional().describe('scores blobs'),
  queue: Queue.optional().describe('scores the messages of a queue of Azure Storage'),
  serviceBus: ServiceBus.optional().describe('scores the messages of a queue of Service Bus'),
})
export type Triggers = z.infer<typeof Triggers>
export type AuthLevel = Triggers['http']['authLevel']
export type BlobTrigger = z.infer<typeof Blob>
export type QueueTrigger = z.infer<typeof Queue>
export type ServiceBusTrigger = z.infer<typeof ServiceBus>

function canLoop(input: string, output: string): boolean {
  const [from, to] = [parseBlobPath(input), parseBlobPath(output)]
  return from !== undefined && to !== undefined && canMatch(to, from)
}

/** One line for each trigger besides HTTP: `blobs requests/{name} -> answers/{name}.json`. */
export function describeTriggers({ blob, queue, serviceBus }: Triggers): string[] {
  const line = (what: string, trigger: { input: string; output: string } | undefined) =>
    trigger === undefined ? [] : [`${what} ${trigger.input} -> ${trigger.output}`]
  return [...line('blobs', blob), ...line('queue', queue), ...line('Service Bus', serviceBus)]
}

/** Azure learns of functions, and of the keys that routes ask for, before the app can read services that are elsewhere. */
const elsewhere = 'keep this service in the folder of the app (SCORING_MODELS is not a folder)'

/** @returns why a service that is not in a folder of the app cannot be served as it asks; undefined: it can */
export function refuseElsewhere({ http }: Triggers): string | undefined {
  if (http.authLevel === 'anonymous') return undefined
  return `triggers.http.authLevel: is "${http.authLevel}", and the routes ask for no such key; ${elsewhere}, or use "anonymous"`
}

/** @returns a line for each trigger besides HTTP of a service that is not in a folder of the app */
export function unservedElsewhere({ blob, queue, serviceBus }: Triggers, watch?: string): string[] {
  const kinds = Object.entries({ blob, queue, serviceBus })
    .filter(([, trigger]) => trigger !== undefined)
    .map(([kind]) => `the trigger "${kind}" does not run: ${elsewhere}`)
  return watch === undefined ? kinds : [...kinds, `the blobs of "jobs.watch" do not become jobs: ${elsewhere}`]
}
