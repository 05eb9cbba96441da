import * as z from 'zod'
import { serviceNamePattern } from '../models/definition/definition.ts'
import type { JobFolder } from './layout.ts'
import { blobNameFault } from './requests/blob-name.ts'

/** Also the name of a folder, see `job-layout.ts`. */
export const jobIdPattern = /^(?!.*\.\.)[A-Za-z0-9][A-Za-z0-9._-]{0,126}[A-Za-z0-9]$|^[A-Za-z0-9]$/

const blobPath = z.string().superRefine((name, context) => {
  const fault = blobNameFault(name)
  if (fault === undefined) return
  context.addIssue({ code: 'custom', message: `must be "<container>/<path>", e.g. "input/patients.csv": ${fault}` })
})

const inputFormats = ['jsonl', 'csv', 'json', 'parquet'] as const
export type InputFormat = (typeof inputFormats)[number]

/** Where the rows are. One of `blob`, `url` and `rows`. */
export const JobInput = z
  .strictObject({
    blob: blobPath.optional().describe('a blob of the storage account of the app: "<container>/<path>"'),
    url: z
      .url({ protocol: /^https$/, error: 'must be an https URL' })
      .optional()
      .describe('a blob elsewhere, with a shared access signature; only on hosts that SCORING_JOB_INPUT_HOSTS names'),
    rows: z.array(z.unknown()).optional().describe('the rows themselves, for small jobs'),
    format: z
      .enum(inputFormats)
      .optional()
      .describe('default: by the ending of the name (.jsonl .ndjson .csv .json .parquet, each also with .gz)'),
    isGzip: z.boolean().optional().describe('default: by the ending .gz'),
    header: z
      .boolean()
      .optional()
      .describe(
        'whether the first line of a CSV names its columns; default: it does, and is refused if it looks like a row',
      ),
    columns: z
      .array(z.string().min(1).max(1000))
      .min(1)
      .max(100_000)
      .refine(names => new Set(names).size === names.length, 'must not name a column twice')
      .optional()
      .describe(
        'names of the columns of a CSV or Parquet file that make a row, in the order in which the service takes their values; with "header": false what the columns of the file are, from left to right',
      ),
  })
  .refine(
    ({ blob, url, rows }) => [blob, url, rows].filter(each => each !== undefined).length === 1,
    'must have exactly one of "blob", "url" and "rows"',
  )
export type JobInput = z.infer<typeof JobInput>

const outputFormats = ['jsonl', 'csv'] as const
export type OutputFormat = (typeof outputFormats)[number]

export const JobOutput = z.strictObject({
  blob: blobPath.optional().describe('where the predictions go; default: jobs/<service>/<jobId>/predictions.jsonl'),
  format: z.enum(outputFormats).optional().describe('default: by the ending of the name, else jsonl'),
})

/** What a caller sends to have a job (design: batch jobs). */
export const JobSubmission = z.strictObject({
  jobId: z
    .string()
    .regex(
      jobIdPattern,
      'must be 1 to 128 letters, digits, ".", "_", "-", with a letter or digit at both ends and no ".."',
    )
    .optional()
    .describe('also the Idempotency-Key: the same id with the same content is the same job; default: a new one'),
  service: z
    .string()
    .regex(serviceNamePattern, 'must be the name of a service')
    .optional()
    .describe('in a message: which service scores; over HTTP the path tells'),
  input: JobInput,
  output: JobOutput.prefault({}),
  miniBatchSize: z.int().min(1).max(100_000).default(1000).describe('rows per chunk, which is what one message covers'),
  errorThreshold: z
    .int()
    .min(-1)
    .default(-1)
    .describe('failed rows over the whole input that are accepted; the job fails when there are more; -1: any number'),
  maxRetries: z
    .int()
    .min(0)
    .max(10)
    .default(3)
    .describe('how often a row is scored again whose run failed for no fault of the row; then it is a failed row'),
})
export type JobSubmission = z.infer<typeof JobSubmission>

/** A job as it was accepted; never changed. What it reads is pinned by version, what it scores with by digest. */
export interface JobSpec {
  readonly jobId: string
  /** Where all that belongs to it is. */
  readonly folder: JobFolder
  readonly service: string
  /** SHA-256 of the submission in one spelling: the same id with another one is a conflict. */
  readonly fingerprint: string
  /** Of the model files, entry script and service.json: what decides about the answers. */
  readonly modelDigest: string
  readonly input: {
    /** `url` without its query, which is kept apart; inline rows were written to a blob of the job. */
    readonly place: { readonly blob: string } | { readonly url: string }
    readonly etag: string
    readonly bytes: number
    readonly format: InputFormat
    readonly isGzip: boolean
    readonly header?: boolean
    readonly columns?: readonly string[]
  }
  /** `<container>/<path>` */
  readonly output: { readonly blob: string; readonly format: OutputFormat }
  readonly miniBatchSize: number
  readonly errorThreshold: number
  readonly maxRetries: number
  /** ISO 8601 */
  readonly createdAt: string
  /** Of the message that asked for it; absent: it came over HTTP. */
  readonly messageId?: string
}
