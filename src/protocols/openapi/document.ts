/**
 * Writes the OpenAPI document of a service: Swagger 2.0 and OpenAPI 3 as Azure ML's server writes them, so that tools for
 * Azure ML can read them (guide/contract.md).
 */

import type { ScoringService } from '../../inference/scoring-service.ts'
import type { LoadReport } from '../../models/session/load-report.ts'
import { writeCodeSamples } from './code-samples.ts'
import { type JsonSchema, translate } from './dialect.ts'
import { jobsDocument } from './jobs.ts'
import { openInferenceDocument } from './open-inference.ts'
import { describeHeader, inHeader, listOperations, type Operation } from './operations.ts'
import { describePayload } from './payload.ts'
import { jsonContent, ref } from './schema-parts.ts'
import { type OpenApiVersion, openApiVersions } from './version.ts'

/** Body of every failure that the server itself reports. */
const errorResponse: JsonSchema = {
  type: 'object',
  properties: {
    message: { type: 'string', description: 'for people; may be reworded' },
    code: { type: 'string', description: 'for programs; stable. Absent from responses of an entry script.' },
  },
  required: ['message'],
  example: { message: "A value is not provided for the 'data' parameter.", code: 'INPUT_MISSING' },
}

const failed = 'The service failed to execute due to an error.'
const bearer = { type: 'apiKey', name: 'Authorization', in: 'header', description: 'For example: Bearer abc123' }
const bearerToken = { ...bearer, description: 'An access token of Entra ID. For example: Bearer eyJ0eXAi...' }
const inputPayload = 'The input payload for executing the real-time machine learning service.'
/** Used without a sample, if no made-up values could be scored. */
const onlyForm = `${inputPayload} The example only shows the form; its values cannot be scored.`
/** The version in Azure ML's templates; tools for Azure ML read 2.0 and 3.0, so only 3.1 has the version of the model. */
const noVersion = '1.0'
/** As in Azure ML's templates, which omit 3.1 although the server supports it. */
const versionParameter = { type: 'integer', enum: [2, 3] }

/** @returns undefined when the version cannot express the service's input or output */
export function describeService(
  service: ScoringService,
  report: LoadReport,
  version: OpenApiVersion,
): object | undefined {
  const schemas = describeSchemas(service, report, version)
  if (!schemas) return undefined
  const info = {
    title: service.name,
    description: service.definition.description || `The scoring service ${service.name}.`,
    version: version === '3.1' ? (service.version ?? noVersion) : noVersion,
  }
  const operations = listOperations(service, report)
  const { input, isForm } = describePayload(service, report, version)
  const takes = isForm ? onlyForm : inputPayload
  const security = operations.some(({ isProtected }) => isProtected)
    ? { Bearer: service.definition.auth.mode === 'token' ? bearerToken : bearer }
    : undefined
  if (version === '2') {
    return {
      swagger: '2.0',
      info,
      schemes: ['https'],
      consumes: ['application/json'],
      produces: ['application/json'],
      securityDefinitions: security,
      paths: describePaths(operations, operation => swagger2Operation(operation, takes)),
      definitions: schemas,
    }
  }
  const isLatest = version === '3.1'
  const jobs = isLatest ? jobsDocument(service, report) : undefined
  const openInference = isLatest ? openInferenceDocument(service, report) : undefined
  const samples = isLatest && report.scriptKind !== 'rawHttp' && input.example !== undefined
  const codeSamples = samples ? writeCodeSamples(service, { example: input.example, isForm }) : undefined
  const render = (operation: Operation) => ({
    ...openApi3Operation(operation, takes, version),
    'x-codeSamples': operation.id === 'RunMLService' ? codeSamples : undefined,
  })
  return {
    openapi: version === '3' ? '3.0.3' : '3.1.0',
    info,
    paths: { ...describePaths(operations, render), ...openInference?.paths, ...jobs?.paths },
    components: { schemas: { ...schemas, ...openInference?.schemas, ...jobs?.schemas }, securitySchemes: security },
  }
}

/** Lists the versions in which this service can be described. */
export function availableVersions(service: ScoringService, report: LoadReport): OpenApiVersion[] {
  return openApiVersions.filter(
    version => version in service.documents || describeSchemas(service, report, version) !== undefined,
  )
}

function describeSchemas(service: ScoringService, report: LoadReport, version: OpenApiVersion): object | undefined {
  const payload = describePayload(service, report, version)
  const input = translate(payload.input, 'ServiceInput', version)
  const output = translate(payload.output, 'ServiceOutput', version)
  const error = translate(errorResponse, 'ErrorResponse', version)
  if (!input || !output || !error) return undefined
  return {
    ServiceInput: input.schema,
    ServiceOutput: output.schema,
    ErrorResponse: error.schema,
    ...input.definitions,
    ...output.definitions,
  }
}

function describePaths(operations: readonly Operation[], render: (operation: Operation) => object): object {
  return Object.fromEntries(
    operations.map(operation => [
      operation.path,
      { [operation.method]: { ...describeOperation(operation), ...render(operation) } },
    ]),
  )
}

function describeOperation({ id, description, isProtected }: Operation): object {
  return { operationId: id, description, security: isProtected ? [{ Bearer: [] }] : undefined }
}

function swagger2Operation(
  { takes, takesVersion, headers = [], answer, failures }: Operation,
  payload: string,
): object {
  const schema = { $ref: '#/definitions/ServiceInput' }
  const body = { name: 'serviceInputPayload', in: 'body', description: payload, schema }
  const version = { name: 'version', in: 'query', required: false, ...versionParameter }
  const failure = (description: string) => ({ description, schema: { $ref: '#/definitions/ErrorResponse' } })
  return {
    // The health check has its own content type; its failures are JSON, like all others.
    produces: answer.contentType === 'application/json' ? undefined : [answer.contentType, 'application/json'],
    // `consumes` of the document already says JSON.
    parameters: takes
      ? [body, ...headers.map(header => ({ ...header, ...inHeader, type: 'string' }))]
      : takesVersion && [version],
    responses: {
      200: {
        description: answer.description,
        schema: answerSchema(answer, '#/definitions/'),
        examples: answer.example === undefined ? undefined : { [answer.contentType]: answer.example },
      },
      ...Object.fromEntries(failures.map(([status, description]) => [status, failure(description)])),
      default: failure(failed),
    },
  }
}

function openApi3Operation(
  { takes, takesVersion, headers = [], answer, failures }: Operation,
  payload: string,
  version: Exclude<OpenApiVersion, '2'>,
): object {
  const failure = (description: string) => ({ description, content: jsonContent(ref('ErrorResponse')) })
  const parameter = { name: 'version', in: 'query', required: false, schema: versionParameter }
  const [, ...binary] = takes ?? []
  // Bytes have no JSON type, and in 3.1, unlike 3.0, no format either (OpenAPI 3.1.0, "Considerations for File Uploads").
  const bytes = { schema: version === '3' ? { type: 'string', format: 'binary' } : {} }
  const content = { ...jsonContent(ref('ServiceInput')), ...Object.fromEntries(binary.map(type => [type, bytes])) }
  return {
    parameters: takesVersion ? [parameter] : headers.length > 0 ? headers.map(describeHeader) : undefined,
    requestBody: takes && { description: payload, content },
    responses: {
      200: {
        description: answer.description,
        content: {
          [answer.contentType]: { schema: answerSchema(answer, '#/components/schemas/'), example: answer.example },
        },
      },
      ...Object.fromEntries(failures.map(([status, description]) => [status, failure(description)])),
      default: failure(failed),
    },
  }
}

function answerSchema({ schema }: Operation['answer'], folder: string): JsonSchema {
  if (schema === 'text') return { type: 'string' }
  return schema === 'object' ? { type: 'object' } : { $ref: `${folder}${schema}` }
}
