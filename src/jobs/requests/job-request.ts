import { createHash } from 'node:crypto'
import { findFormFault } from '../../models/definition/input-form.ts'
import type { TraceContext } from '../../telemetry/trace-context.ts'
import { encode } from '../../tensor/python-json.ts'
import { withoutSecrets } from '../formats/encrypted-row.ts'
import { type JobFolder, jobFolder } from '../layout.ts'
import { fixedColumns } from '../line-form.ts'
import type { JobSpec } from '../spec.ts'
import { allowInputBlob, allowOutputBlob, defaultOutput } from './allowed-blobs.ts'
import { allowedUrl } from './allowed-url.ts'
import { isPattern } from './blob-pattern.ts'
import { chooseInputFormat, chooseOutputFormat } from './file-formats.ts'
import type { FileSource } from './find-files.ts'
import { invalidJob } from './job-invalid.ts'
import { allowEvent, type EventLimits } from './on-completed.ts'
import { resolveOutputName } from './output-options.ts'
import type { StagedFile } from './staged-file.ts'
import type { JobSubmission } from './submission.ts'

/** A valid submission with its defaults. Nothing in it has been looked up in the storage yet. */
export interface JobRequest
  extends Pick<JobSpec, 'miniBatchSize' | 'errorThreshold' | 'maxRetries' | 'output' | 'onCompleted'> {
  readonly jobId: string
  readonly folder: JobFolder
  readonly service: string
  readonly source: RowSource
  /** Query of the URL in `onCompleted`, a secret; absent: it has none. */
  readonly eventSignature?: string
  /** Id of the queue message; absent when the request came over HTTP. */
  readonly messageId?: string
  readonly trace?: TraceContext
  /** SHA-256 of the submission in a canonical spelling. A URL's signature is left out, because it may be renewed. */
  readonly fingerprint: string
}

type RowSource = Pick<JobSpec['input'], 'format' | 'isGzip' | 'header' | 'columns' | 'dialect'> &
  (
    | { readonly blob: string }
    /** `isGzip` is as the submission says, if it does; otherwise the names of the files say it. */
    | { readonly files: FileSource; readonly givenGzip: boolean | undefined }
    | { readonly url: string; readonly signature: string }
    /** JSON Lines. */
    | { readonly rows: string; readonly hash: string }
    | { readonly file: StagedFile }
  )

export interface RequestLimits extends EventLimits {
  /** Containers that jobs may read from and write to. */
  readonly containers: readonly string[]
  /** Hosts that jobs may read from by URL. */
  readonly inputHosts: readonly string[]
}

interface RequestedJob extends Pick<JobRequest, 'service' | 'jobId'> {
  readonly takesEncrypted?: boolean
  /** Absent: the submission names its input. */
  readonly file?: StagedFile | undefined
}

/** @throws ScoringError JOB_INVALID, JOB_INPUT_NOT_ALLOWED, JOB_OUTPUT_NOT_ALLOWED, JOB_EVENT_NOT_ALLOWED */
export function parseJobRequest(
  { service, jobId, takesEncrypted = false, file }: RequestedJob,
  submission: JobSubmission,
  limits: RequestLimits,
): JobRequest {
  const { miniBatchSize, errorThreshold, maxRetries } = submission
  const folder = jobFolder(service, jobId)
  const input = takesEncrypted ? keepNoSecrets(submission.input) : submission.input
  const source = file ? fileSource(file, input) : parseSource(input, limits)
  const output = chooseOutput(submission.output, { service, jobId, folder, source }, limits)
  const event = submission.onCompleted && allowEvent(submission.onCompleted, limits)
  const onCompleted = event && { onCompleted: event.target }
  const options = { service, output, errorThreshold, maxRetries, ...onCompleted }
  const { isPerFile: _, ...plain } = output
  const content = {
    ...options,
    // The name as it was given: with {date} in it, a repeated submission is the same on another day.
    output: { ...plain, blob: submission.output.blob ?? output.blob },
    // Chunks had 1000 rows by default once, and a repeated submission of such a job is still recognised.
    miniBatchSize: miniBatchSize ?? 1000,
    input: identifySource(source),
  }
  const fingerprint = sha256(canonicalJson(content))
  return {
    ...options,
    ...(miniBatchSize !== undefined && { miniBatchSize }),
    jobId,
    folder,
    source,
    fingerprint,
    ...(event?.signature && { eventSignature: event.signature }),
  }
}

/**
 * The job's id, by which a repeated submission is recognised: the caller's own id, or one derived from `Idempotency-Key` and
 * the service, so that equal keys of different services name different jobs.
 *
 * @returns undefined when the caller gave neither
 * @throws ScoringError JOB_INVALID when both are given and differ
 */
export function chooseJobId(
  service: string,
  jobId: string | undefined,
  idempotencyKey: string | undefined,
): string | undefined {
  if (idempotencyKey === undefined) return jobId
  if (idempotencyKey === '') {
    throw invalidJob('Idempotency-Key: is empty; send a text that identifies the job, or no header')
  }
  if (jobId === undefined) return `key-${sha256(`${service}\n${idempotencyKey}`).slice(0, 40)}`
  if (jobId === idempotencyKey) return jobId
  throw invalidJob('jobId: differs from the header Idempotency-Key; send one of them, or the same value in both')
}

function parseSource(input: JobSubmission['input'], limits: RequestLimits): RowSource {
  const { blob, blobs, url, rows, format, isGzip } = input
  if (blobs !== undefined || (blob !== undefined && isPattern(blob))) {
    const files: FileSource = blobs ? { blobs } : { pattern: blob as string }
    for (const each of blobs ?? [blob as string]) allowInputBlob(each, limits.containers)
    const found = chooseInputFormat(blobs?.[0] ?? (blob as string), { format, isGzip })
    return { files, givenGzip: isGzip, ...tableOptions(input, found) }
  }
  if (blob !== undefined) {
    return {
      blob: allowInputBlob(blob, limits.containers),
      ...tableOptions(input, chooseInputFormat(blob, { format, isGzip })),
    }
  }
  if (url !== undefined) {
    const { bareUrl, signature } = allowedUrl(url, limits.inputHosts)
    const found = chooseInputFormat(new URL(bareUrl).pathname, { format, isGzip })
    return { url: bareUrl, signature, ...tableOptions(input, found) }
  }
  if (isGzip === true || (format !== undefined && format !== 'jsonl')) {
    throw invalidJob('input.format: applies to "blob" and "url" only; leave it out with "rows"')
  }
  const lines = (rows ?? []).map(row => `${encodeLine(row)}\n`).join('')
  const inline = tableOptions(input, { format: 'jsonl', isGzip: false } as const)
  return { rows: lines, hash: sha256(canonicalJson(rows)), ...inline }
}

/** @returns undefined for inline rows, and for a file without a name */
function sourceName(source: RowSource): string | undefined {
  if ('blob' in source) return source.blob
  if ('url' in source) return decodeURIComponent(new URL(source.url).pathname)
  return 'file' in source ? source.file.name : undefined
}

/** @throws ScoringError JOB_INVALID, JOB_OUTPUT_NOT_ALLOWED */
function chooseOutput(
  asked: JobSubmission['output'],
  { service, jobId, folder, source }: Pick<JobRequest, 'service' | 'jobId' | 'folder' | 'source'>,
  { containers }: Pick<RequestLimits, 'containers'>,
): JobSpec['output'] {
  const isPerFile = 'files' in source && asked.blob?.includes('{name}') === true
  // Each file gives its name later.
  const variables = { jobId, service, input: isPerFile ? '{name}' : sourceName(source) }
  const named = asked.blob && allowOutputBlob(resolveOutputName(asked.blob, variables), folder, containers)
  const { format, isGzip } = chooseOutputFormat(named, asked)
  const output = {
    blob: named ?? defaultOutput(folder, `${format}${isGzip ? '.gz' : ''}`),
    format,
    ...(isGzip && { isGzip }),
    ...chooseOptions(asked),
    ...(isPerFile && { isPerFile }),
  }
  requireIncludable(output)
  return output
}

/** @throws ScoringError JOB_INVALID when there are options for an output that there is not */
function chooseOptions({
  blob,
  format,
  isGzip,
  include,
  columns,
  overwrite,
  action,
}: JobSubmission['output']): Omit<JobSpec['output'], 'blob' | 'format' | 'isGzip'> {
  if (action === 'summary_only') {
    const given = Object.entries({ blob, format, isGzip, include, columns, overwrite }).find(
      ([, value]) => value !== undefined,
    )?.[0]
    if (given !== undefined) throw invalidJob(`output.${given}: there is no output with "action": "summary_only"`)
    return { action }
  }
  return { ...(include && { include }), ...(columns && { columns }), ...(overwrite && { overwrite }) }
}

function fileSource(file: StagedFile, input: JobSubmission['input']): RowSource {
  const { name = '', usualFormat } = file
  const isGzip = input.isGzip ?? file.isGzip
  return { file, ...tableOptions(input, chooseInputFormat(name, { format: input.format, isGzip, usualFormat })) }
}

/** Inline rows are kept with the job. */
function keepNoSecrets(input: JobSubmission['input']): JobSubmission['input'] {
  return input.rows ? { ...input, rows: input.rows.map(withoutSecrets) } : input
}

/** @throws ScoringError JOB_INVALID when a member applies to another format, or contradicts another one */
function tableOptions<Format extends Pick<RowSource, 'format' | 'isGzip'>>(
  input: JobSubmission['input'],
  format: Format,
): Format & Pick<RowSource, 'header' | 'columns' | 'dialect'> {
  const { header, columns, delimiter, quote, na, decimal, thousands } = input
  const wrong = findFormFault(input, format.format)
  if (wrong) throw invalidJob(`input.${wrong.member}: ${wrong.fault}`)
  const dialect = {
    ...(delimiter && { delimiter }),
    ...(quote !== undefined && { quote }),
    ...(na && { na }),
    ...(decimal && { decimal }),
    ...(thousands && { thousands }),
  }
  return {
    ...format,
    ...(header === undefined ? {} : { header }),
    ...(columns === undefined ? {} : { columns }),
    ...(Object.keys(dialect).length > 0 && { dialect }),
  }
}

/** @throws ScoringError JOB_INVALID when the output has columns of its own with these names, whatever the service answers */
function requireIncludable({ format, include = [], columns = [] }: JobRequest['output']): void {
  const own: readonly string[] = format === 'jsonl' ? [] : [...fixedColumns, ...columns]
  const taken = include === 'all' ? undefined : include.find(name => own.includes(name))
  if (taken === undefined) return
  throw invalidJob(
    `output.include: the output has a column "${taken}" of its own; rename that of the input, or set "format" of the output to "jsonl"`,
  )
}

/** Numbers beyond a double are BigInt here and keep their digits. */
function encodeLine(row: unknown): string {
  try {
    return encode(row, 'literal')
  } catch (cause) {
    throw invalidJob('input.rows: a row is nested deeper than 1000 levels', { cause })
  }
}

/** The source as the fingerprint compares it: inline rows and files by their hash, a URL without its signature. */
function identifySource(source: RowSource): object {
  if ('rows' in source) return { rows: source.hash }
  if ('files' in source) {
    const { files, givenGzip: _, ...form } = source
    return { ...form, ...files }
  }
  if ('file' in source) {
    const { file, ...form } = source
    return { ...form, file: file.hash }
  }
  if ('blob' in source) return source
  const { signature: _, ...named } = source
  return named
}

/** JSON text with sorted members. */
function canonicalJson(value: unknown): string {
  return encode(sortMembers(value), 'literal')
}

function sortMembers(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortMembers)
  if (typeof value !== 'object' || value === null) return value
  const members = Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1))
  return Object.fromEntries(members.map(([name, member]) => [name, sortMembers(member)]))
}

export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
