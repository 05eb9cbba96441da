/**
 * Describes batch jobs in the OpenAPI document. Only version 3.1 has them, because tools for Azure ML read the others.
 */

import type { ErrorCode } from '../../errors.ts'
import type { ScoringService } from '../../inference/scoring-service.ts'
import type { LoadReport } from '../../models/session/load-report.ts'
import type { JsonSchema } from './dialect.ts'
import { inputTableMembers, outputTableMembers, shownOutputMembers } from './job-output.ts'
import { byStatus, listAuthFailures, serviceFailures } from './operations.ts'

const text = { type: 'string' }
const count = { type: 'integer', minimum: 0 }
const time = { type: 'string', format: 'date-time' }
const objectSchema = (properties: object, required: readonly string[], description?: string): JsonSchema => ({
  type: 'object',
  description,
  properties,
  required,
})
const ref = (name: string): JsonSchema => ({ $ref: `#/components/schemas/${name}` })

/** Schemas of submissions and jobs; their names cannot clash with definitions in an owner's schema. */
const schemas = {
  BatchJobSubmission: {
    ...objectSchema(
      {
        jobId: {
          ...text,
          description: 'the same id with the same content is the same job of this service; default: a new one',
        },
        input: objectSchema(
          {
            blob: {
              ...text,
              description:
                '"<container>/<path>" in the storage account of the app; several with *, ? and **, or all below "<container>/<folder>/"',
            },
            blobs: { type: 'array', items: text, minItems: 1, maxItems: 10_000, description: 'several, in this order' },
            url: { ...text, format: 'uri', description: 'a blob elsewhere, on a host that the operator allows' },
            rows: { type: 'array', items: {}, description: 'the rows themselves, for small jobs' },
            format: { enum: ['jsonl', 'csv', 'json', 'parquet'], description: 'default: by the file extension' },
            isGzip: { type: 'boolean', description: 'default: by the ending .gz' },
            header: {
              type: 'boolean',
              description:
                'whether the first line of a CSV names its columns; default: it does, and must not look like a row',
            },
            columns: {
              type: 'array',
              items: text,
              minItems: 1,
              uniqueItems: true,
              description:
                'names of the columns of a table, or of the values of JSON records, that make a row, in the order of the values that the service takes; with "header": false what the columns of the file are',
            },
            ...inputTableMembers,
          },
          [],
          'one of "blob", "blobs", "url" and "rows"',
        ),
        output: objectSchema(
          {
            blob: {
              ...text,
              description:
                '"<container>/<path>" with {jobId}, {service}, {date} and {name}; default: jobs/<service>/<jobId>/predictions.jsonl',
            },
            overwrite: {
              type: 'boolean',
              description: 'whether a blob of this name is replaced at the end of the job',
            },
            action: {
              enum: ['append_row', 'summary_only'],
              description: 'append_row (default): a line for each row; summary_only: only the counts of the status',
            },
            format: { enum: ['jsonl', 'csv', 'parquet'], description: 'default: by the file extension, else jsonl' },
            ...outputTableMembers,
          },
          [],
        ),
        miniBatchSize: {
          type: 'integer',
          minimum: 1,
          maximum: 100_000,
          description: 'rows per chunk; default: chunks of 256 KiB to 4 MiB, by the size of the input',
        },
        errorThreshold: {
          type: 'integer',
          minimum: -1,
          default: -1,
          description: 'failed rows accepted; -1: any number',
        },
        maxRetries: { type: 'integer', minimum: 0, maximum: 10, default: 3 },
        onCompleted: objectSchema(
          { queue: text, url: { ...text, format: 'uri' } },
          [],
          'one of "queue" and "url": where a CloudEvent is sent when the job has ended',
        ),
        traceparent: {
          type: 'string',
          description: 'W3C trace context of the sender of a message; over HTTP a header',
        },
        tracestate: { type: 'string', description: 'beside traceparent' },
      },
      ['input'],
    ),
    example: { input: { blob: 'input/rows.csv' }, output: { blob: 'output/predictions.jsonl' } },
  },
  BatchJob: objectSchema(
    {
      jobId: text,
      service: text,
      status: {
        enum: ['NotStarted', 'Running', 'Finalizing', 'Completed', 'Failed', 'CancelRequested', 'Canceled'],
      },
      progress: objectSchema(
        {
          rows: count,
          succeeded: count,
          failed: count,
          chunks: count,
          chunksDone: count,
          percent: { type: 'number', minimum: 0, maximum: 100 },
          files: { ...count, description: 'only if the input has several' },
          filesDone: count,
        },
        ['rows', 'succeeded', 'failed', 'chunks', 'chunksDone', 'percent'],
      ),
      createdAt: time,
      startedAt: time,
      endedAt: time,
      completedAt: { ...time, description: 'when a completed job ended' },
      rowsPerSecond: { type: 'number', minimum: 0, description: 'on average since it started' },
      remainingSeconds: { ...count, description: 'at this rate, until all rows are scored' },
      lastError: objectSchema(
        { code: text, message: text, at: time },
        ['code', 'message', 'at'],
        'why a step had to be tried again last, while the job has not ended',
      ),
      output: objectSchema({ blob: text, format: text, ...shownOutputMembers, partial: text }, ['blob', 'format']),
      event: objectSchema(
        { attempts: count, deliveredAt: time, isGivenUp: { type: 'boolean' }, lastError: text },
        ['attempts'],
        'whether the event of its end was sent',
      ),
      error: objectSchema({ code: text, message: text }, ['code', 'message']),
    },
    ['jobId', 'status', 'progress', 'createdAt'],
  ),
  BatchJobList: objectSchema(
    { jobs: { type: 'array', items: ref('BatchJob') }, nextMarker: text },
    ['jobs'],
    'newest first; with `nextMarker` when there are more',
  ),
} satisfies Record<string, JsonSchema>

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

const json = (schema: JsonSchema) => ({ 'application/json': { schema } })
const integerHeader = (description: string) => ({ description, schema: { type: 'integer' } })
const job = (description: string, headers?: object) => ({ description, headers, content: json(ref('BatchJob')) })
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
  ...json(ref('BatchJobSubmission')),
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

/** @returns undefined for a raw-HTTP service, which has no batch jobs */
export function jobsDocument(
  service: ScoringService,
  report: LoadReport,
): { readonly paths: object; readonly schemas: Readonly<Record<string, JsonSchema>> } | undefined {
  if (report.scriptKind === 'rawHttp') return undefined
  const security = service.authorizer ? [{ Bearer: [] }] : undefined
  const common: readonly ErrorCode[] = [...serviceFailures, 'JOBS_UNAVAILABLE', ...listAuthFailures(service)]
  const operation = (operationId: string, description: string, answers: object, failures: readonly ErrorCode[]) => ({
    operationId,
    description,
    security,
    responses: {
      ...answers,
      ...Object.fromEntries(
        byStatus([...failures, ...common, 'REQUEST_ID_TOO_LONG']).map(([status, each]) => [
          status,
          { description: each, content: json(ref('ErrorResponse')) },
        ]),
      ),
    },
  })
  const prefix = `/api/v1/service/${service.name}/jobs`
  const jobId = { name: 'jobId', in: 'path', required: true, schema: text }
  const key = { name: 'Idempotency-Key', in: 'header', required: false, schema: text }
  const submitted = { 200: job('The job has already ended.'), 202: underWay }
  const asText = { schema: text }
  const content = { 'application/jsonl': asText, 'text/csv': asText }
  const lines = { description: 'One line per row, in order.', content }
  const list = { description: 'The jobs of the service.', content: json(ref('BatchJobList')) }
  return {
    schemas,
    paths: {
      [prefix]: {
        post: {
          ...operation(
            'SubmitBatchJob',
            'Score all rows of a blob, or of the file that is the body; one line of output per row.',
            submitted,
            submitFailures,
          ),
          parameters: [key, ...fileParameters],
          requestBody: { required: true, content: submissionContent },
        },
        get: {
          ...operation('ListBatchJobs', 'Jobs of the service, newest first.', { 200: list }, [
            'JOB_INVALID',
            'JOB_LIST_MARKER_INVALID',
          ]),
          parameters: [
            query('limit', { type: 'integer', minimum: 1, maximum: 100, default: 20 }),
            query('marker', text),
            query('status', { ...text, description: 'a status, or several with commas' }),
            query('since', { ...text, description: 'jobs that were created then or later, e.g. 2026-11-28T08:00:00Z' }),
          ],
        },
      },
      [`${prefix}/{jobId}`]: {
        parameters: [jobId],
        get: operation('GetBatchJob', 'The status of a job.', { 200: job('The status of the job.') }, ['JOB_UNKNOWN']),
        delete: operation(
          'DeleteBatchJob',
          'Deletes a job that has ended with its files, also with its output if the submission named no other place; cancels any other job.',
          { 202: underWay, 204: { description: 'The job is gone.' } },
          ['JOB_NOT_CANCELLABLE'],
        ),
      },
      [`${prefix}/{jobId}/cancel`]: {
        parameters: [jobId],
        post: operation('CancelBatchJob', 'Cancels a job; results so far are kept.', submitted, [
          'JOB_UNKNOWN',
          'JOB_NOT_CANCELLABLE',
        ]),
      },
      [`${prefix}/{jobId}/output`]: {
        parameters: [jobId],
        get: operation('GetBatchJobOutput', 'The lines of a completed job.', { 200: lines }, [
          ...(['JOB_UNKNOWN', 'JOB_NOT_COMPLETED', 'JOB_OUTPUT_MISSING'] as const),
        ]),
      },
    },
  }
}
