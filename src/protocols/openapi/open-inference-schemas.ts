import type { JsonSchema } from './dialect.ts'
import { count, listSchema, objectSchema, text } from './schema-parts.ts'

const datatype = {
  enum: 'BOOL UINT8 UINT16 UINT32 UINT64 INT8 INT16 INT32 INT64 FP16 FP32 FP64 BYTES'.split(' '),
}
const parameters = { type: 'object', description: 'others than those of the protocol are ignored' }
/** A member of a request that may be absent may as well be null. */
const orNull = (schema: JsonSchema): JsonSchema => ({ ...schema, type: [schema.type as string, 'null'] })
const givenParameters = orNull(parameters)
const shape = { ...listSchema(count), maxItems: 32 }
const elements = { description: 'numbers, booleans or texts, nested or flat; both are row-major' }
const duration = objectSchema({ count, ns: count }, ['count', 'ns'])

/** Their names cannot clash with definitions in an owner's schema. */
export const openInferenceSchemas = {
  InferRequest: objectSchema(
    {
      id: orNull({ ...text, description: 'comes back with the answer' }),
      parameters: givenParameters,
      inputs: listSchema(
        objectSchema({ name: text, shape, datatype, parameters: givenParameters, data: elements }, [
          ...['name', 'shape', 'datatype'],
        ]),
      ),
      outputs: orNull({
        ...listSchema(objectSchema({ name: text, parameters: givenParameters }, ['name'])),
        description: 'the outputs to answer with; default: all',
      }),
    },
    ['inputs'],
  ),
  InferResponse: objectSchema(
    {
      id: text,
      model_name: text,
      model_version: text,
      outputs: listSchema(
        objectSchema({ name: text, shape, datatype, parameters, data: elements }, ['name', 'shape', 'datatype']),
      ),
    },
    ['model_name', 'model_version', 'outputs'],
  ),
  ModelMetadata: objectSchema(
    {
      name: text,
      versions: listSchema(text),
      platform: text,
      inputs: listSchema(
        objectSchema({ name: text, datatype, shape: listSchema({ type: 'integer' }) }, ['name', 'datatype', 'shape']),
      ),
      outputs: listSchema(
        objectSchema({ name: text, datatype, shape: listSchema({ type: 'integer' }) }, ['name', 'datatype', 'shape']),
      ),
    },
    ['name', 'versions', 'platform', 'inputs', 'outputs'],
  ),
  ModelStatistics: objectSchema(
    {
      model_stats: listSchema(
        objectSchema(
          {
            name: text,
            version: text,
            last_inference: count,
            inference_count: count,
            execution_count: count,
            inference_stats: { type: 'object', additionalProperties: duration },
          },
          ['name', 'version', 'inference_stats'],
        ),
      ),
    },
    ['model_stats'],
  ),
  OpenInferenceError: objectSchema({ error: text, code: text }, ['error', 'code']),
} satisfies Record<string, JsonSchema>
