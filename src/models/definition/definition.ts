import * as z from 'zod'
import { Accelerator } from './accelerator.ts'
import { Auth } from './auth.ts'
import { Batching } from './batching.ts'
import { Deployment } from './deployment.ts'
import { Jobs } from './job-watch.ts'
import { Limits } from './limits.ts'
import { ModelFile, modelName, relativePath } from './model-file.ts'
import { Stage } from './stage.ts'
import { Triggers } from './triggers.ts'

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

/**
 * `service.json`: a model plus how it is deployed. Every key has a default, so `{}` beside a `model.onnx` is a service.
 *
 * Each start makes this schema; those of keys that few services have (`z.lazy`) are made with the first that has them.
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
  jobs: Jobs.prefault({}).describe('blobs that become batch jobs by themselves'),
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
