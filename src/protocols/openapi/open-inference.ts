/**
 * Describes the routes of the Open Inference Protocol V2 in the OpenAPI document of a service that takes tensors. Only version 3.1
 * has them, because tools for Azure ML read the others.
 */
import type { ErrorCode } from '../../errors.ts'
import type { ScoringService } from '../../inference/scoring-service.ts'
import { type LoadReport, takesTensors } from '../../models/session/load-report.ts'
import type { JsonSchema } from './dialect.ts'
import { byStatus, describeHeader, listAuthFailures, listDeploymentHeaders, serviceFailures } from './operations.ts'
import { listScoreFailures } from './score-failures.ts'

const text = { type: 'string' }
const count = { type: 'integer', minimum: 0 }
const objectSchema = (properties: object, required: readonly string[]): JsonSchema => ({
  type: 'object',
  properties,
  required,
})
const listSchema = (items: JsonSchema, more: object = {}): JsonSchema => ({ type: 'array', items, ...more })
const ref = (name: string): JsonSchema => ({ $ref: `#/components/schemas/${name}` })

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
const schemas = {
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

const json = (schema: JsonSchema) => ({ 'application/json': { schema } })
const bytes = { 'application/octet-stream': { schema: {} } }
const textBytesHeader = 'bytes of JSON at the beginning of the body, where tensors follow as bytes; 0: there are none'

/** @returns undefined for a service whose script reads bodies itself */
export function openInferenceDocument(
  service: ScoringService,
  report: LoadReport,
): { readonly paths: object; readonly schemas: Readonly<Record<string, JsonSchema>> } | undefined {
  if (!takesTensors(report)) return undefined
  const { described, name } = service
  const authFailures = listAuthFailures(service)
  const failed = (codes: readonly ErrorCode[]) =>
    Object.fromEntries(
      byStatus([...codes, ...serviceFailures, 'REQUEST_ID_TOO_LONG']).map(([status, description]) => [
        status,
        { description, content: json(ref('OpenInferenceError')) },
      ]),
    )
  const secured = service.authorizer ? { security: [{ Bearer: [] }] } : {}
  const get = (operationId: string, description: string, schema: JsonSchema) => ({
    get: {
      operationId,
      description,
      ...secured,
      responses: { 200: { description, content: json(schema) }, ...failed([...authFailures, 'HEADER_INVALID']) },
    },
  })
  const prefix = `/v2/models/${name}`
  const notReady = { description: 'The service cannot score.', content: json(ref('OpenInferenceError')) }
  return {
    schemas,
    paths: {
      [prefix]: get('GetModelMetadata', 'Inputs and outputs, by the Open Inference Protocol V2.', ref('ModelMetadata')),
      [`${prefix}/config`]: get('GetModelConfig', "The configuration, as Triton's clients read it.", {
        type: 'object',
      }),
      [`${prefix}/stats`]: get('GetModelStatistics', 'Counts and times of requests.', ref('ModelStatistics')),
      [`${prefix}/ready`]: {
        get: {
          operationId: 'GetModelReady',
          description: 'Whether the service can score.',
          responses: {
            200: {
              description: 'It can.',
              content: json(objectSchema({ name: text, ready: { const: true } }, ['name', 'ready'])),
            },
            400: notReady,
            ...failed([]),
          },
        },
      },
      [`${prefix}/infer`]: {
        post: {
          operationId: 'Infer',
          description: 'Score tensors, by the Open Inference Protocol V2 with binary tensors as an option.',
          ...secured,
          parameters: [
            {
              name: 'Inference-Header-Content-Length',
              in: 'header',
              required: false,
              schema: count,
              description: textBytesHeader,
            },
            ...listDeploymentHeaders(service.definition).map(describeHeader),
          ],
          requestBody: { required: true, content: { ...json(ref('InferRequest')), ...bytes } },
          responses: {
            200: {
              description: 'The outputs.',
              headers: { 'Inference-Header-Content-Length': { description: textBytesHeader, schema: count } },
              content: { ...json(ref('InferResponse')), ...bytes },
            },
            ...failed([...new Set([...listScoreFailures(described, report), ...authFailures])]),
          },
        },
      },
    },
  }
}
