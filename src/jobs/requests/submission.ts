import * as z from 'zod'
import { ScoringError } from '../../errors.ts'
import { serviceNamePattern } from '../../models/definition/definition.ts'
import { inputFormats, jobIdPattern, outputFormats } from '../spec.ts'
import { blobNameFault } from './blob-name.ts'

const blobPath = z.string().superRefine((name, context) => {
  const fault = blobNameFault(name)
  if (fault === undefined) return
  context.addIssue({ code: 'custom', message: `must be "<container>/<path>", e.g. "input/patients.csv": ${fault}` })
})

/** Where the rows are. One of `blob`, `url` and `rows`. */
const JobInput = z
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

const JobOutput = z.strictObject({
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

/**
 * What a caller sent, checked.
 *
 * @throws ScoringError JOB_INVALID naming each member that is wrong, e.g. `miniBatchSize: Too small: expected number to be >=1, came 0`
 */
export function readSubmission(submission: unknown): JobSubmission {
  const parsed = JobSubmission.safeParse(submission, { reportInput: true })
  if (parsed.success) return parsed.data
  throw new ScoringError('JOB_INVALID', parsed.error.issues.map(describe).join('; '))
}

function describe({
  code,
  path,
  message,
  input,
  keys = [],
}: {
  code: string
  path: PropertyKey[]
  message: string
  input?: unknown
  keys?: string[]
}): string {
  const where = path.map(String).join('.')
  const what =
    code === 'unrecognized_keys'
      ? `unrecognized ${keys.map(shown).join(', ')}`
      : `${message.replace(/^Invalid (input: )?/, '')}${code === 'invalid_type' ? '' : came(where, input)}`
  return where === '' ? `the submission: ${what}` : `${where}: ${what}`
}

/** What stood there, where it is short and cannot be a secret, as the query of a URL may be. */
function came(where: string, input: unknown): string {
  if (where === 'input.url' || typeof input === 'object') return ''
  const text = JSON.stringify(input) ?? ''
  return text !== '' && text.length <= 60 ? `, came ${text}` : ''
}

function shown(key: string): string {
  return JSON.stringify(key.slice(0, 60))
}
