import { STATUS_CODES } from 'node:http'
import { type ErrorCode, statusOf } from '../../errors.ts'
import { deploymentHeader } from '../../inference/deployments.ts'
import { chooseDescribed } from '../../inference/describe-service.ts'
import type { ScoringService } from '../../inference/scoring-service.ts'
import type { LoadReport } from '../../models/session/load-report.ts'
import { jsonContent, ref } from './schema-parts.ts'
import { listScoreFailures } from './score-failures.ts'

const json = 'application/json'

/** An operation, independent of the OpenAPI version. */
export interface Operation {
  readonly path: string
  readonly method: 'get' | 'post'
  readonly id: string
  readonly description: string
  readonly isProtected: boolean
  /** Media types of the body, JSON first; absent if no body is read. */
  readonly takes?: readonly [typeof json, ...string[]]
  readonly takesVersion?: true
  /** Of the request, and not required. */
  readonly headers?: readonly { readonly name: string; readonly description: string }[]
  readonly answer: {
    readonly description: string
    readonly contentType: string
    readonly schema: 'text' | 'object' | 'ServiceOutput'
    readonly example?: unknown
  }
  /** Failures by HTTP status, each described by its codes. */
  readonly failures: readonly (readonly [status: number, description: string])[]
}

export const serviceFailures: readonly ErrorCode[] = [
  'SERVICE_UNKNOWN',
  'SERVICE_LOADING',
  'SERVICE_UNAVAILABLE',
  'APP_NOT_STARTED',
]
const bearerFailures: readonly ErrorCode[] = ['BEARER_MISSING', 'BEARER_MALFORMED', 'BEARER_REJECTED']
const keyFailures: readonly ErrorCode[] = [...bearerFailures, 'TOO_MANY_WRONG_KEYS', 'KEYS_UNAVAILABLE']
const tokenFailures: readonly ErrorCode[] = [...bearerFailures, 'ROLE_MISSING', 'TOKEN_KEYS_UNAVAILABLE']

/** Lists the operations of a service, with Azure ML's ids, descriptions and order (azureml-inference-server, `swagger2_template.json`). */
export function listOperations(service: ScoringService, report: LoadReport): readonly Operation[] {
  const prefix = `/api/v1/service/${service.name}`
  const encryption = report.encrypted ? [describeEncryption(prefix, listAuthFailures(service))] : []
  return [
    describeHealthCheck(prefix),
    describeScore(prefix, service, report),
    describeDocument(prefix, service),
    ...encryption,
  ]
}

function describeHealthCheck(prefix: string): Operation {
  return {
    path: `${prefix}/`,
    method: 'get',
    id: 'ServiceHealthCheck',
    description: 'Simple health check endpoint to ensure the service is up at any given point.',
    isProtected: false,
    answer: {
      description: "If service is up and running, this response will be returned with the content 'Healthy'",
      contentType: 'text/html',
      schema: 'text',
      example: 'Healthy',
    },
    failures: byStatus(serviceFailures),
  }
}

function describeScore(prefix: string, service: ScoringService, report: LoadReport): Operation {
  const { mediaTypes = [], encrypted } = report
  const more = encrypted ? '. Features may also come encrypted.' : ''
  return {
    path: `${prefix}/score`,
    method: 'post',
    id: 'RunMLService',
    description: `Run web service's model and get the prediction output${more}`,
    isProtected: service.authorizer !== undefined,
    takes: [json, ...mediaTypes],
    headers: listDeploymentHeaders(service.definition),
    answer: {
      description: 'The service processed the input correctly and provided a result prediction, if applicable.',
      contentType: json,
      schema: 'ServiceOutput',
    },
    failures: byStatus([
      ...listScoreFailures(chooseDescribed(service), report),
      ...serviceFailures,
      ...listAuthFailures(service),
      'REQUEST_ID_TOO_LONG',
    ]),
  }
}

function describeDocument(prefix: string, service: ScoringService): Operation {
  const isProtected = service.authorizer !== undefined && !service.definition.openapi.public
  const authFailures = isProtected ? listAuthFailures(service) : []
  return {
    path: `${prefix}/swagger.json`,
    method: 'get',
    id: 'GetSwaggerSpec',
    description: 'Get the Swagger specification.',
    isProtected,
    takesVersion: true,
    answer: { description: 'The Swagger specification.', contentType: json, schema: 'object' },
    failures: byStatus([...serviceFailures, ...authFailures, 'REQUEST_ID_TOO_LONG']),
  }
}

/** By which a caller chooses one of several deployments; none where the service has but one. */
export function listDeploymentHeaders({
  deployments,
  traffic,
}: ScoringService['definition']): NonNullable<Operation['headers']> {
  if (!deployments) return []
  const names = Object.keys(deployments).join(', ')
  const sticky = traffic?.stickyHeader
  return [
    { name: deploymentHeader, description: `The deployment that answers: ${names}. Without it, their shares decide.` },
    ...(sticky ? [{ name: sticky, description: 'Requests with the same value go to the same deployment.' }] : []),
  ]
}

export const inHeader = { in: 'header', required: false } as const

/** A header of a request as OpenAPI 3 has it. */
export const describeHeader = (header: NonNullable<Operation['headers']>[number]) => ({
  ...header,
  ...inHeader,
  schema: { type: 'string' },
})

function describeEncryption(prefix: string, authFailures: readonly ErrorCode[]): Operation {
  return {
    path: `${prefix}/encrypted`,
    method: 'get',
    id: 'GetEncryption',
    description: 'Get what clients need to encrypt features.',
    isProtected: authFailures.length > 0,
    answer: { description: 'Sizes and parameters of encrypted requests.', contentType: json, schema: 'object' },
    failures: byStatus([...serviceFailures, ...authFailures, 'REQUEST_ID_TOO_LONG']),
  }
}

/** Lists the codes of failed authorization; none if the service is public. */
export function listAuthFailures({
  definition,
  authorizer,
}: Pick<ScoringService, 'definition' | 'authorizer'>): readonly ErrorCode[] {
  if (!authorizer) return []
  return definition.auth.mode === 'token' ? tokenFailures : keyFailures
}

/** Groups codes by status, e.g. `[413, 'Payload Too Large: BODY_TOO_LARGE, TOO_MANY_ROWS']`. */
export function byStatus(codes: readonly ErrorCode[]): [number, string][] {
  const groups = Map.groupBy(codes, code => statusOf[code])
  return [...groups]
    .sort(([one], [other]) => one - other)
    .map(([status, group]) => [status, `${STATUS_CODES[status]}: ${group.join(', ')}`])
}

/** The failures of an operation as OpenAPI 3 has them. @param schema  name of the schema of their bodies */
export function describeFailures(codes: readonly ErrorCode[], schema: string): object {
  const content = jsonContent(ref(schema))
  return Object.fromEntries(byStatus(codes).map(([status, description]) => [status, { description, content }]))
}
