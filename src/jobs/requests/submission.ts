import * as z from 'zod'
import { inputFormMembers } from '../../models/definition/input-form.ts'
import { serviceNamePattern } from '../../models/definition/service-name.ts'
import { maxFiles } from '../input-files.ts'
import { jobIdPattern, outputFormats } from '../spec.ts'
import { blobNameFault } from './blob-name.ts'
import { invalidJob } from './job-invalid.ts'
import { OnCompleted } from './on-completed.ts'
import { outputOptions } from './output-options.ts'
import { outputTableMembers } from './table-members.ts'

const blobPath = z.string().superRefine((name, context) => {
  const fault = blobNameFault(name)
  if (fault === undefined) return
  context.addIssue({ code: 'custom', message: `must be "<container>/<path>", e.g. "input/patients.csv": ${fault}` })
})

/** It may stand for several blobs. */
const inputPath = z.string().superRefine((name, context) => {
  const fault = blobNameFault(name.endsWith('/') ? name.slice(0, -1) : name)
  if (fault === undefined || /^[^/]+\/$/.test(name)) return
  context.addIssue({ code: 'custom', message: `must be "<container>/<path>", e.g. "input/patients.csv": ${fault}` })
})

const JobInputMembers = z.strictObject({
  blob: inputPath
    .optional()
    .describe(
      'a blob of the storage account of the app: "<container>/<path>"; several with *, ? and **, or all below "<container>/<folder>/"',
    ),
  blobs: z
    .array(blobPath)
    .min(1)
    .max(maxFiles)
    .refine(names => new Set(names).size === names.length, 'must not name a blob twice')
    .optional()
    .describe('several blobs of one format, in this order'),
  url: z
    .url({ protocol: /^https$/, error: 'must be an https URL' })
    .optional()
    .describe(
      'a blob of another account, with a shared access signature; only on the hosts in SCORING_JOB_INPUT_HOSTS',
    ),
  rows: z.array(z.unknown()).optional().describe('the rows themselves, for small jobs'),
  ...inputFormMembers(),
})

/** The source of the rows: one of `blob`, `blobs`, `url` and `rows`. */
const JobInput = JobInputMembers.refine(
  ({ blob, blobs, url, rows }) => [blob, blobs, url, rows].filter(each => each !== undefined).length === 1,
  'must have exactly one of "blob", "blobs", "url" and "rows"',
)

/** The source is a file that comes with the submission. */
const FileInput = JobInputMembers.omit({ blob: true, blobs: true, url: true, rows: true })

const JobOutput = z.strictObject({
  blob: blobPath
    .optional()
    .describe(
      'blob for the predictions, with {jobId}, {service}, {date} and {name}; default: jobs/<service>/<jobId>/predictions.jsonl',
    ),
  ...outputOptions,
  format: z
    .enum(outputFormats)
    .optional()
    .describe('default: by the extension of the name (.jsonl .ndjson .csv .parquet), otherwise jsonl'),
  ...outputTableMembers,
})

/** The body of `POST …/jobs`, and a message on `scoring-jobs`. */
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
    .describe('in a message: the service that scores; over HTTP the path names it'),
  input: JobInput,
  output: JobOutput.prefault({}),
  miniBatchSize: z
    .int()
    .min(1)
    .max(100_000)
    .optional()
    .describe('rows per chunk; default: chunks of 256 KiB to 4 MiB, by the size of the input'),
  errorThreshold: z
    .int()
    .min(-1)
    .default(-1)
    .describe('most failed rows of the whole input; the job fails when there are more; -1: any number'),
  maxRetries: z
    .int()
    .min(0)
    .max(10)
    .default(3)
    .describe('retries of a row after failures that the row did not cause; after the last one the row has failed'),
  onCompleted: OnCompleted.optional(),
  traceparent: z
    .string()
    .max(200)
    .optional()
    .describe(
      'in a message: W3C trace context of its sender, to which the steps of the job are linked; over HTTP a header',
    ),
  tracestate: z.string().max(1024).optional().describe('beside traceparent'),
})
/** The members of `input` that are known by name; which of them are there depends on the source. */
export type JobSubmission = Omit<z.infer<typeof JobSubmission>, 'input'> & { readonly input: JobInputMembers }
type JobInputMembers = z.infer<typeof JobInputMembers>

/** A submission beside the file that is to be scored. */
export const FileSubmission = JobSubmission.extend({ input: FileInput.prefault({}) })

/**
 * Validates a submission.
 *
 * @param options.hasFile  the rows are in a file that comes with it
 * @throws ScoringError JOB_INVALID naming each member that is wrong, e.g. `miniBatchSize: Too small: expected number to be >=1, came 0`
 */
export function parseSubmission(submission: unknown, { hasFile = false } = {}): JobSubmission {
  const parsed = (hasFile ? FileSubmission : JobSubmission).safeParse(submission, { reportInput: true })
  if (parsed.success) return parsed.data
  throw invalidJob(parsed.error.issues.map(describe).join('; '))
}

function describe(issue: z.core.$ZodIssue): string {
  const where = issue.path.map(String).join('.')
  const came = issue.code === 'invalid_type' ? '' : describeInput(where, issue.input)
  const what =
    issue.code === 'unrecognized_keys'
      ? `unrecognized ${issue.keys.map(shown).join(', ')}`
      : `${issue.message.replace(/^Invalid ((input|option): )?/, '')}${came}`
  return where === '' ? `the submission: ${what}` : `${where}: ${what}`
}

/** Quotes the value that came, if it is short and not a URL, whose query may be a secret. */
function describeInput(where: string, input: unknown): string {
  if (where.endsWith('.url') || typeof input === 'object') return ''
  const text = JSON.stringify(input) ?? ''
  return text !== '' && text.length <= 60 ? `, came ${text}` : ''
}

function shown(key: string): string {
  return JSON.stringify(key.slice(0, 60))
}
