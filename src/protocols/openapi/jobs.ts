/**
 * Describes batch jobs in the OpenAPI document. Only version 3.1 has them, because tools for Azure ML read the others.
 */

import type { ErrorCode } from '../../errors.ts'
import type { ScoringService } from '../../inference/scoring-service.ts'
import type { LoadReport } from '../../models/session/load-report.ts'
import type { JsonSchema } from './dialect.ts'
import { jobSchemas } from './job-schemas.ts'
import { describeFailures, listAuthFailures, serviceFailures } from './operations.ts'
import { jsonContent, objectSchema, ref, text } from './schema-parts.ts'

const submitFailures: readonly ErrorCode[] = [
  ...(['BODY_EMPTY', 'BODY_NOT_JSON', 'BODY_NOT_OBJECT', 'BODY_TOO_LARGE', 'CONTENT_TYPE_UNSUPPORTED'] as const),
  ...(['JOB_INVALID', 'JOB_INPUT_MISSING', 'JOB_INPUT_EMPTY', 'JOB_INPUT_NOT_ALLOWED', 'JOB_INPUT_TOO_LARGE'] as const),
  ...([
    'JOB_OUTPUT_NOT_ALLOWED',
    'JOB_EVENT_NOT_ALLOWED',
    'JOB_OUTPUT_EXISTS',
    'JOB_ID_TAKEN',
    'JOB_INPUT_CHANGED',
    'TOO_MANY_JOBS',
  ] as const),
]
const listFailures = ['JOB_INVALID', 'JOB_LIST_MARKER_INVALID'] as const
const cancelFailures = ['JOB_UNKNOWN', 'JOB_NOT_CANCELLABLE'] as const
const outputFailures = ['JOB_UNKNOWN', 'JOB_NOT_COMPLETED', 'JOB_OUTPUT_MISSING'] as const

const submitDescription = 'Score all rows of a blob, or of the file that is the body; one line of output per row.'
const deleteDescription =
  'Deletes a job that has ended with its files, also with its output if the submission named no other place; cancels any other job.'

const integerHeader = (description: string) => ({ description, schema: { type: 'integer' } })
const job = (description: string, headers?: object) => ({ description, headers, content: jsonContent(ref('BatchJob')) })
const underWay = job('The job is accepted or in progress.', {
  Location: { description: 'URL of the job', schema: text },
  'Retry-After': integerHeader('seconds until the next poll'),
})
const query = (name: string, schema: JsonSchema) => ({ name, in: 'query', required: false, schema })

const file = { type: 'string', contentMediaType: 'application/octet-stream' }
const form = objectSchema(
  { file, job: { ...text, description: 'a submission in JSON, without the source of the rows' } },
  ['file'],
  'members of the submission may also be fields of their own',
)
/** A submission that names its input, or the file itself. */
const submissionContent = {
  ...jsonContent(ref('BatchJobSubmission')),
  'multipart/form-data': { schema: form },
  ...Object.fromEntries(
    ['text/csv', 'application/jsonl', 'application/vnd.apache.parquet'].map(type => [type, { schema: file }]),
  ),
}
const fileParameters = [
  query('jobId', {
    ...text,
    description: 'with a file: as in BatchJobSubmission, as is each of its members by its path',
  }),
  query('output', { ...text, description: 'with a file: blob for the predictions' }),
  query('format', { enum: ['jsonl', 'csv', 'json', 'parquet'], description: 'of the file; default: by Content-Type' }),
]

const output = {
  description: 'One line or row of a table per row, in order.',
  content: {
    'application/jsonl': { schema: text },
    'text/csv': { schema: text },
    'application/vnd.apache.parquet': { schema: file },
    'application/gzip': { schema: file },
  },
}
const listParameters = [
  query('limit', { type: 'integer', minimum: 1, maximum: 100, default: 20 }),
  query('marker', text),
  query('status', { ...text, description: 'a status, or several with commas' }),
  query('since', { ...text, description: 'jobs that were created then or later, e.g. 2026-11-28T08:00:00Z' }),
]

const jobId = { name: 'jobId', in: 'path', required: true, schema: text }
const idempotencyKey = { name: 'Idempotency-Key', in: 'header', required: false, schema: text }
const submitted = { 200: job('The job has already ended.'), 202: underWay }
const deleted = {
  202: {
    ...underWay,
    description: 'The job is being cancelled; or, with isDeleted, it is gone, and its files are being removed.',
  },
  204: { description: 'The job is gone, with its files.' },
}
const list = { description: 'The jobs of the service.', content: jsonContent(ref('BatchJobList')) }

/** @returns undefined for a raw-HTTP service, which has no batch jobs */
export function jobsDocument(
  service: ScoringService,
  report: LoadReport,
): { readonly paths: object; readonly schemas: Readonly<Record<string, JsonSchema>> } | undefined {
  if (report.scriptKind === 'rawHttp') return undefined
  const prefix = `/api/v1/service/${service.name}/jobs`
  const operation = describeOperations(service)
  return {
    schemas: jobSchemas,
    paths: {
      [prefix]: {
        post: {
          ...operation('SubmitBatchJob', submitDescription, submitted, submitFailures),
          parameters: [idempotencyKey, ...fileParameters],
          requestBody: { required: true, content: submissionContent },
        },
        get: {
          ...operation('ListBatchJobs', 'Jobs of the service, newest first.', { 200: list }, listFailures),
          parameters: listParameters,
        },
      },
      [`${prefix}/{jobId}`]: {
        parameters: [jobId],
        get: operation('GetBatchJob', 'The status of a job.', { 200: job('The status of the job.') }, ['JOB_UNKNOWN']),
        delete: operation('DeleteBatchJob', deleteDescription, deleted, ['JOB_NOT_CANCELLABLE']),
      },
      [`${prefix}/{jobId}/cancel`]: {
        parameters: [jobId],
        post: operation('CancelBatchJob', 'Cancels a job; results so far are kept.', submitted, cancelFailures),
      },
      [`${prefix}/{jobId}/output`]: {
        parameters: [jobId],
        get: operation('GetBatchJobOutput', 'The output of a completed job.', { 200: output }, outputFailures),
      },
    },
  }
}

/** Describes operations of a service, whose failures include those that each of its routes has. */
function describeOperations(service: ScoringService) {
  const security = service.authorizer ? [{ Bearer: [] }] : undefined
  const common = [...serviceFailures, 'JOBS_UNAVAILABLE', ...listAuthFailures(service), 'REQUEST_ID_TOO_LONG'] as const
  return (operationId: string, description: string, answers: object, failures: readonly ErrorCode[]) => ({
    operationId,
    description,
    security,
    responses: { ...answers, ...describeFailures([...failures, ...common], 'ErrorResponse') },
  })
}
