import * as z from 'zod'
import { defaultMaxMemoryMb } from './default-memory.ts'
import { ExecutionProviders } from './execution-providers.ts'
import { Triggers } from './triggers.ts'

// Schemas are made when the app starts; those of keys that few services have (`z.lazy`), with the first service that has them.

const relativePath = z
  .string()
  .min(1)
  .refine(path => !/^([a-zA-Z]:|[\\/])|(^|[\\/])\.\.([\\/]|$)/.test(path), 'must stay inside the service folder')

/** One ONNX file of a service. */
const ModelFile = z.strictObject({
  path: relativePath.describe('the .onnx file, relative to service.json'),
  sha256: z
    .string()
    .regex(/^[0-9a-fA-F]{64}$/, 'must be 64 hexadecimal digits')
    .optional()
    .describe('SHA-256 of the file, checked before it is loaded'),
})

const audience = z.string().min(1)

/** Access tokens of one tenant of Entra ID. */
export const TokenAuth = z.strictObject({
  mode: z.literal('token').describe('callers show an access token of Entra ID'),
  tenantId: z
    .string()
    .regex(/^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$/, 'must be the GUID of one tenant')
    .describe('the tenant (directory) whose tokens are taken: a GUID'),
  audience: z
    .union([audience, z.array(audience).min(1)], 'must be a name, or a list of names, that tokens have as "aud"')
    .describe(
      '"aud" of the tokens: the application id of the service, or its URI, e.g. api://scoring; or a list of both',
    ),
  role: z
    .string()
    .regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/, 'must be the value of an app role or scope, without spaces or quotes')
    .default('Score')
    .describe('app role ("roles") or scope ("scp") that the token has to grant'),
})
export type TokenAuth = z.infer<typeof TokenAuth>

const onlyForTokens = 'only mode "token" takes more than "mode"'

const Auth = z.discriminatedUnion(
  'mode',
  [
    z.strictObject(
      { mode: z.literal('key').default('key').describe('callers show one of the two keys of the service') },
      onlyForTokens,
    ),
    z.strictObject({ mode: z.literal('none').describe('anyone may call the service') }, onlyForTokens),
    TokenAuth,
  ],
  // Zod also asks when "auth" is no object at all, and then knows better.
  {
    error: ({ code }: { code: string }) => (code === 'invalid_union' ? 'must be "key", "token" or "none"' : undefined),
  },
)

const Accelerator = z.strictObject({
  executionProviders: ExecutionProviders.default(['cpu']).describe(
    'ONNX Runtime execution providers in order of preference; objects carry provider options',
  ),
  onUnavailable: z
    .enum(['fallback', 'fail'])
    .default('fallback')
    .describe(
      'fallback: where a provider is missing the next one is taken, and nodes that it cannot run go to the CPU; fail: the service does not become ready then',
    ),
  intraOpThreads: z.int().min(1).max(256).default(1).describe('threads that share one run'),
  graphOptimization: z
    .enum(['disabled', 'basic', 'extended', 'layout', 'all'])
    .default('all')
    .describe('how far ONNX Runtime rewrites the graph at load'),
})

const Batching = z.strictObject({
  maxRows: z
    .int()
    .min(1)
    .max(100_000)
    .default(64)
    .describe('rows per run; a request with more runs in slices; 1 turns micro-batching off'),
  maxBytes: z
    .int()
    .min(1)
    .default(67_108_864)
    .describe('bytes of the inputs of one run, where its rows can be fewer; a single row may have more'),
  maxDelayMs: z
    .number()
    .min(0)
    .max(10_000)
    .default(0)
    .describe(
      'milliseconds for which a free thread waits for more requests to share a run; 0: it never waits, and a run holds what gathered during the one before',
    ),
  rowsAreIndependent: z
    .boolean()
    .optional()
    .describe(
      'true: scripts that see rows answer each from that row alone, so that rows of several requests may come together; false: no request shares a run; absent: rows share runs of models whose graph proves it, and no script sees those of several requests',
    ),
  exact: z
    .boolean()
    .default(false)
    .describe(
      'true: rows share runs only where those measured at start give the same bits as each row alone; false: they may differ by rounding',
    ),
})

const Limits = z.strictObject({
  maxBodyBytes: z.int().min(1).max(104_857_600).default(104_857_600).describe('bytes of a request body'),
  maxRows: z.int().min(1).default(100_000).describe('rows of one request'),
  timeoutMs: z.int().min(1).max(3_600_000).default(60_000).describe('milliseconds from arrival to answer'),
  maxQueued: z
    .int()
    .min(1)
    .default(1000)
    .describe('requests that may wait for a free thread; more are refused with 503'),
  maxQueuedBytes: z
    .int()
    .min(1)
    .default(268_435_456)
    .describe('bytes of the bodies that may wait for a free thread; more are refused with 503'),
  maxHeldBytes: z
    .int()
    .min(1)
    .optional()
    .describe(
      'bytes that the requests of the service may hold at a time, from the first byte of a body to the last of its answer; more are refused with 503; absent: half of what the app may hold',
    ),
  maxQueueWaitMs: z
    .int()
    .min(1)
    .max(3_600_000)
    .optional()
    .describe(
      'milliseconds that a request may be expected to wait for a free thread; it is refused with 503 at once when it would be more; absent: timeoutMs',
    ),
  loadTimeoutMs: z
    .int()
    .min(1)
    .max(3_600_000)
    .default(120_000)
    .describe('milliseconds that loading the models and init() may take'),
  maxMemoryMb: z
    .int()
    .min(64)
    .default(defaultMaxMemoryMb)
    .describe('MiB of JavaScript memory that one thread of the service may hold, heap and buffers'),
})

/** Encrypted inference with what is known of the features. */
const Encrypted = z.strictObject({
  maxFeature: z
    .number()
    .positive()
    .describe('largest absolute value of a feature; the precision of encrypted scores is chosen for it'),
  featureScale: z
    .number()
    .positive()
    .optional()
    .describe(
      'what the client of this package multiplies features with before it rounds them, e.g. 255 for pixels of k/255; absent: a power of two that gives the smallest error',
    ),
})

const Labels = z.record(z.string().min(1).max(256), z.string().max(4096))

/** One stage of a pipeline: a model, or a script between models. */
const Stage = z.lazy(() =>
  z
    .strictObject({
      name: z
        .string()
        .regex(/^[A-Za-z0-9][-\w.]{0,254}$/, 'must be letters, digits, "-", "_", "."')
        .optional()
        .describe("what errors call it; default: the model's name, or the script's without its ending"),
      model: z.string().optional().describe('a model of "models", which runs on what the stage before gave'),
      script: relativePath.optional().describe('module with run(), which gets what the stage before gave'),
      accelerator: Accelerator.optional().describe('where its model runs; default: as the service'),
      maxRows: z.int().min(1).max(100_000).optional().describe('rows per run of its model; default: batching.maxRows'),
    })
    .refine(stage => (stage.model === undefined) !== (stage.script === undefined), 'must have a "model" or a "script"'),
)
type Stage = z.infer<typeof Stage>

/** @returns the name of a stage in messages */
export function nameOfStage({ name, model, script }: Stage): string {
  return name ?? model ?? (script as string).replace(/^.*[\\/]/, '').replace(/\.[^.]+$/, '')
}

const modelName = z.string().regex(/^[A-Za-z0-9][-\w.]{0,254}$/, 'must be a model name: letters, digits, "-", "_", "."')
const percent = z.int().min(0).max(100)

/** One of several models behind one service. What it leaves out is as the service says. */
const Deployment = z.lazy(() =>
  z.strictObject({
    version: z
      .int()
      .min(0)
      .optional()
      .describe('the numbered folder of its model; absent: as "models" say, or the newest one'),
    weight: percent.describe('percent of the requests that it answers; the weights of all deployments add to 100'),
    mirror: percent
      .default(0)
      .describe('percent of the requests of the others that it gets a copy of; its answers are compared, and not sent'),
    models: z.record(modelName, ModelFile).optional().describe('in place of "models" of the service'),
    entryScript: relativePath.optional().describe('in place of "entryScript" of the service'),
    stages: z.array(Stage).min(1).max(16).optional().describe('in place of "stages" of the service'),
    accelerator: Accelerator.optional().describe('in place of "accelerator" of the service'),
    batching: Batching.optional().describe('in place of "batching" of the service'),
  }),
)

/**
 * `service.json`: a model plus how it is deployed. Every key has a default, so `{}` beside a `model.onnx` is a service.
 */
export const ServiceDefinition = z.strictObject({
  $schema: z.string().optional().describe('where editors find the schema of this file'),
  description: z.string().max(1000).default('').describe('one sentence for people'),
  tags: Labels.default({}).describe('texts by name, by which services are found; they may change'),
  properties: Labels.default({}).describe('texts by name that do not change once they are set'),
  models: z
    .record(modelName, ModelFile)
    .optional()
    .describe('models by name; absent: the one .onnx file in the highest-numbered folder, or beside service.json'),
  entryScript: relativePath.optional().describe('module with init() and run(); absent: tensors in, tensors out'),
  input: z
    .strictObject({
      columns: z
        .array(z.string().min(1))
        .min(1)
        .max(100_000)
        .refine(names => new Set(names).size === names.length, 'must not name a column twice')
        .optional()
        .describe(
          'names of the values of a row, in their order, where a single input takes several; absent: values go by their order',
        ),
    })
    .prefault({}),
  missing: z
    .enum(['nan', 'error'])
    .default('nan')
    .describe(
      'nan: null, and the words NaN, Infinity and -Infinity, are values of floating-point inputs, null being NaN; error: they are refused',
    ),
  auth: Auth.prefault({}),
  accelerator: Accelerator.prefault({}),
  batching: Batching.prefault({}),
  limits: Limits.prefault({}),
  cors: z
    .strictObject({
      origins: z.array(z.string()).default([]).describe('origins of pages that may call the service'),
      credentials: z.boolean().default(false).describe('whether such pages may send cookies; not with origin "*"'),
    })
    .refine(cors => !(cors.credentials && cors.origins.includes('*')), {
      path: ['credentials'],
      error:
        'cannot be true while "origins" has "*": any page could then call with the cookies of its reader; list the origins',
    })
    .prefault({}),
  schema: z
    .strictObject({ input: relativePath.optional().describe('JSON file with a sample request body') })
    .prefault({}),
  openapi: z
    .strictObject({
      public: z
        .boolean()
        .default(true)
        .describe('whether anybody may read swagger.json, which shows the sample; false: only callers with a key'),
    })
    .prefault({}),
  response: z
    .strictObject({
      encoding: z
        .enum(['json', 'json-string'])
        .default('json')
        .describe('json-string: the body is a JSON string of JSON, as older clients expect'),
      nonFinite: z
        .enum(['null', 'literal'])
        .default('null')
        .describe("NaN and infinities in answers: null, or Python's bare tokens, which are not JSON"),
    })
    .prefault({}),
  tensorflowServing: z
    .strictObject({
      outputs: z
        .record(z.string(), z.string().min(1))
        .refine(
          names => new Set(Object.values(names)).size === Object.keys(names).length,
          'must not give two outputs one name',
        )
        .default({})
        .describe(
          'names of outputs for callers of TensorFlow Serving\'s gRPC, by their names in the model, e.g. {"probabilities": "classifier/Softmax:0"}; absent: the names in the model',
        ),
    })
    .prefault({}),
  stages: z
    .array(Stage)
    .min(1)
    .max(16)
    .optional()
    .describe('a pipeline in place of one model or entryScript: each stage works on what the one before gave'),
  triggers: Triggers.prefault({}),
  load: z
    .enum(['start', 'onDemand'])
    .optional()
    .describe(
      'when it is loaded: start: with the app; onDemand: with its first request, and unloaded when others are used more; absent: as SCORING_LOAD says',
    ),
  deployments: z
    .record(
      z
        .string()
        .regex(
          /^(?=.{3,32}$)[A-Za-z](-?[A-Za-z0-9])*$/,
          'must be the name of a deployment: 3 to 32 letters, digits or single "-", starting with a letter',
        ),
      Deployment,
    )
    .refine(all => Object.keys(all).length > 0, 'must not be empty')
    .refine(all => Object.keys(all).length <= 16, 'must be 16 at most')
    .optional()
    .describe('several models of the service, which share its requests, e.g. {"blue": {"version": 1, "weight": 100}}'),
  traffic: z
    .strictObject({
      stickyHeader: z
        .string()
        .regex(/^[a-z0-9!#$%&'*+.^_`|~-]{1,64}$/, 'must be the name of a header, in lower case')
        .optional()
        .describe('requests with the same value of this header go to the same deployment'),
    })
    .prefault({}),
  encrypted: z
    .union([z.boolean(), Encrypted], 'must be true, false or an object')
    .default(false)
    .describe(
      'whether features may come encrypted, where the only model is linear: true: by the Python package encrypted-inference; an object: also by the client of this package',
    ),
})
export type ServiceDefinition = z.infer<typeof ServiceDefinition>
