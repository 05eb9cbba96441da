/**
 * Describes the routes of the Open Inference Protocol V2 in the OpenAPI document of a service that takes tensors. Only version 3.1
 * has them, because tools for Azure ML read the others.
 */
import type { ErrorCode } from '../../errors.ts'
import { chooseDescribed } from '../../inference/describe-service.ts'
import type { ScoringService } from '../../inference/scoring-service.ts'
import { type LoadReport, takesTensors } from '../../models/session/load-report.ts'
import type { JsonSchema } from './dialect.ts'
import { openInferenceSchemas } from './open-inference-schemas.ts'
import {
  describeFailures,
  describeHeader,
  listAuthFailures,
  listDeploymentHeaders,
  serviceFailures,
} from './operations.ts'
import { count, jsonContent, objectSchema, ref, text } from './schema-parts.ts'
import { listScoreFailures } from './score-failures.ts'

const bytes = { 'application/octet-stream': { schema: {} } }
const textBytesHeader = 'bytes of JSON at the beginning of the body, where tensors follow as bytes; 0: there are none'

/** @returns undefined for a service whose script reads bodies itself */
export function openInferenceDocument(
  service: ScoringService,
  report: LoadReport,
): { readonly paths: object; readonly schemas: Readonly<Record<string, JsonSchema>> } | undefined {
  if (!takesTensors(report)) return undefined
  const prefix = `/v2/models/${service.name}`
  const get = (operationId: string, description: string, schema: JsonSchema) => ({
    get: describeGet(service, { operationId, description, schema }),
  })
  return {
    schemas: openInferenceSchemas,
    paths: {
      [prefix]: get('GetModelMetadata', 'Inputs and outputs, by the Open Inference Protocol V2.', ref('ModelMetadata')),
      [`${prefix}/config`]: get('GetModelConfig', "The configuration, as Triton's clients read it.", {
        type: 'object',
      }),
      [`${prefix}/stats`]: get('GetModelStatistics', 'Counts and times of requests.', ref('ModelStatistics')),
      [`${prefix}/ready`]: { get: ready },
      [`${prefix}/infer`]: { post: describeInfer(service, report) },
    },
  }
}

const describeErrors = (codes: readonly ErrorCode[]) =>
  describeFailures([...codes, ...serviceFailures, 'REQUEST_ID_TOO_LONG'], 'OpenInferenceError')

const describeSecurity = ({ authorizer }: ScoringService) => (authorizer ? { security: [{ Bearer: [] }] } : {})

interface Reading {
  readonly operationId: string
  readonly description: string
  readonly schema: JsonSchema
}

function describeGet(service: ScoringService, { operationId, description, schema }: Reading): object {
  return {
    operationId,
    description,
    ...describeSecurity(service),
    responses: {
      200: { description, content: jsonContent(schema) },
      ...describeErrors([...listAuthFailures(service), 'HEADER_INVALID']),
    },
  }
}

const ready = {
  operationId: 'GetModelReady',
  description: 'Whether the service can score.',
  responses: {
    200: {
      description: 'It can.',
      content: jsonContent(objectSchema({ name: text, ready: { const: true } }, ['name', 'ready'])),
    },
    400: { description: 'The service cannot score.', content: jsonContent(ref('OpenInferenceError')) },
    ...describeErrors([]),
  },
}

function describeInfer(service: ScoringService, report: LoadReport): object {
  const name = 'Inference-Header-Content-Length'
  const failures = [...listScoreFailures(chooseDescribed(service), report), ...listAuthFailures(service)]
  return {
    operationId: 'Infer',
    description: 'Score tensors, by the Open Inference Protocol V2 with binary tensors as an option.',
    ...describeSecurity(service),
    parameters: [
      { name, in: 'header', required: false, schema: count, description: textBytesHeader },
      ...listDeploymentHeaders(service.definition).map(describeHeader),
    ],
    requestBody: { required: true, content: { ...jsonContent(ref('InferRequest')), ...bytes } },
    responses: {
      200: {
        description: 'The outputs.',
        headers: { [name]: { description: textBytesHeader, schema: count } },
        content: { ...jsonContent(ref('InferResponse')), ...bytes },
      },
      ...describeErrors([...new Set(failures)]),
    },
  }
}
