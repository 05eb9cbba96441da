import { createHash } from 'node:crypto'
import { ScoringError } from '../../errors.ts'
import { encode } from '../../tensor/python-json.ts'
import { type JobFolder, jobFolder } from '../layout.ts'
import type { JobSpec } from '../spec.ts'
import { allowInputBlob, allowOutputBlob, defaultOutput } from './allowed-blobs.ts'
import { allowedUrl } from './allowed-url.ts'
import { chooseInputFormat } from './input-format.ts'
import { chooseOutputFormat } from './output-format.ts'
import type { JobSubmission } from './submission.ts'

/** What is asked for, before anything is looked up: a submission with its defaults, and where its rows come from. */
export interface JobRequest extends Pick<JobSpec, 'miniBatchSize' | 'errorThreshold' | 'maxRetries' | 'output'> {
  readonly jobId: string
  readonly folder: JobFolder
  readonly service: string
  readonly source: RowSource
  /** Of the message that asks; absent: it came over HTTP. */
  readonly messageId?: string
  /** SHA-256 of all that is asked for, in one spelling. A signature is no part of it: that may be renewed. */
  readonly fingerprint: string
}

export type RowSource = Pick<JobSpec['input'], 'format' | 'isGzip' | 'header' | 'columns'> &
  (
    | { readonly blob: string }
    | { readonly url: string; readonly signature: string }
    /** JSON Lines. */
    | { readonly rows: string; readonly hash: string }
  )

export interface RequestLimits {
  /** Containers that jobs may read from and write to. */
  readonly containers: readonly string[]
  /** Hosts that jobs may read from by URL. */
  readonly inputHosts: readonly string[]
}

/** @throws ScoringError JOB_INVALID, JOB_INPUT_NOT_ALLOWED, JOB_OUTPUT_NOT_ALLOWED */
export function parseJobRequest(
  service: string,
  jobId: string,
  submission: JobSubmission,
  limits: RequestLimits,
): JobRequest {
  const { miniBatchSize, errorThreshold, maxRetries } = submission
  const folder = jobFolder(service, jobId)
  const source = sourceOf(submission.input, limits)
  const named = submission.output.blob && allowOutputBlob(submission.output.blob, folder, limits.containers)
  const format = chooseOutputFormat(named, submission.output.format)
  const output = { blob: named ?? defaultOutput(folder, format), format }
  if ('blob' in source && source.blob === output.blob) {
    throw new ScoringError('JOB_INVALID', `output.blob: is the input itself, "${output.blob}"; choose another name`)
  }
  const asked = { service, output, miniBatchSize, errorThreshold, maxRetries, input: nameOf(source) }
  return { ...asked, jobId, folder, source, fingerprint: sha256(canonical(asked)) }
}

function sourceOf(input: JobSubmission['input'], limits: RequestLimits): RowSource {
  const { blob, url, rows, format, isGzip } = input
  if (blob !== undefined) {
    return {
      blob: allowInputBlob(blob, limits.containers),
      ...tableOf(input, chooseInputFormat(blob, { format, isGzip })),
    }
  }
  if (url !== undefined) {
    const { place, signature } = allowedUrl(url, limits.inputHosts)
    const found = chooseInputFormat(new URL(place.url).pathname, { format, isGzip })
    return { url: place.url, signature, ...tableOf(input, found) }
  }
  if (isGzip === true || (format !== undefined && format !== 'jsonl')) {
    throw new ScoringError('JOB_INVALID', 'input.format: says what "blob" and "url" hold; "rows" have no format')
  }
  const lines = (rows ?? []).map(row => `${lineOf(row)}\n`).join('')
  const inline = tableOf(input, { format: 'jsonl', isGzip: false } as const)
  return { rows: lines, hash: sha256(canonical(rows)), ...inline }
}

/** @throws ScoringError JOB_INVALID: the input is no table */
function tableOf<Format extends Pick<RowSource, 'format' | 'isGzip'>>(
  { header, columns }: JobSubmission['input'],
  format: Format,
): Format & Pick<RowSource, 'header' | 'columns'> {
  if (header !== undefined && format.format !== 'csv') {
    throw new ScoringError('JOB_INVALID', `input.header: is for CSV only; the input is ${format.format}`)
  }
  if (columns !== undefined && format.format !== 'csv' && format.format !== 'parquet') {
    throw new ScoringError('JOB_INVALID', `input.columns: is for CSV and Parquet only; the input is ${format.format}`)
  }
  return { ...format, ...(header === undefined ? {} : { header }), ...(columns === undefined ? {} : { columns }) }
}

/** Numbers beyond a double have come as BigInt, and are written as they came. */
function lineOf(row: unknown): string {
  try {
    return encode(row, 'literal')
  } catch (cause) {
    throw new ScoringError('JOB_INVALID', 'input.rows: a row is nested deeper than 1000 levels', { cause })
  }
}

/** The source as it is compared: rows by what they hold, a URL without its signature. */
function nameOf(source: RowSource): object {
  if ('rows' in source) return { rows: source.hash }
  if ('blob' in source) return source
  const { signature: _, ...named } = source
  return named
}

/** JSON text with the members of every object in one order. */
function canonical(value: unknown): string {
  return encode(sorted(value), 'literal')
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  const members = Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1))
  return Object.fromEntries(members.map(([name, member]) => [name, sorted(member)]))
}

export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
