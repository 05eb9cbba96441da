import type { JsonSchema } from './dialect.ts'
import { count, objectSchema, ref, text } from './schema-parts.ts'

const time = { type: 'string', format: 'date-time' }
const names: JsonSchema = { type: 'array', items: text, minItems: 1, maxItems: 1000, uniqueItems: true }

/** Members of the `input` of a submission that say how a CSV is written. */
const inputTableMembers: Readonly<Record<string, JsonSchema>> = {
  delimiter: {
    ...text,
    minLength: 1,
    maxLength: 1,
    description: 'what separates the cells of a CSV; default: a comma',
  },
  quote: {
    ...text,
    maxLength: 1,
    description: 'what stands around cells of a CSV; default: a double quote; "": nothing',
  },
  na: {
    ...{ type: 'array', items: { ...text, minLength: 1, maxLength: 100 }, minItems: 1, maxItems: 100 },
    description: 'texts of missing values in a CSV, besides those of pandas',
  },
  decimal: {
    ...{ type: 'string', enum: ['.', ','] },
    description: 'what stands before the decimals of numbers in a CSV; default: a point',
  },
  thousands: {
    ...{ type: 'string', enum: [',', '.', ' ', "'", '_'] },
    description: 'what stands between the thousands of numbers in a CSV; default: nothing',
  },
}

/** Members of the `output` of a submission that say what is written. */
const outputTableMembers: Readonly<Record<string, JsonSchema>> = {
  isGzip: { type: 'boolean', description: 'default: by the ending .gz' },
  include: {
    anyOf: [{ const: 'all' }, names],
    description: 'columns of the input that are copied to the output, e.g. an id; "all": every column',
  },
  columns: {
    ...names,
    description: 'outputs of the model, or members of what the script returns, that are written; default: all',
  },
}

/** What a job shows of its output. */
const shownOutputMembers: Readonly<Record<string, JsonSchema>> = {
  isGzip: { type: 'boolean' },
  include: { anyOf: [{ const: 'all' }, names] },
  columns: names,
}

/** Schemas of submissions and jobs; their names cannot clash with definitions in an owner's schema. */
export const jobSchemas = {
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
      isDeleted: { type: 'boolean', description: 'answer to DELETE: the job is gone, and its files are being removed' },
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
