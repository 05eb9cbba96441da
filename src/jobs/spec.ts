import type { InputFormat } from '../models/definition/input-form.ts'
import type { TraceContext } from '../telemetry/trace-context.ts'
import type { CsvDialect } from './csv-dialect.ts'
import { isInlineRowsBlob, type JobFolder } from './layout.ts'

/** An id is also the name of a folder, see `layout.ts`. */
export const jobIdPattern = /^(?!.*\.\.)[A-Za-z0-9][A-Za-z0-9._-]{0,126}[A-Za-z0-9]$|^[A-Za-z0-9]$/

export type { InputFormat }

export const outputFormats = ['jsonl', 'csv', 'parquet'] as const
export type OutputFormat = (typeof outputFormats)[number]

/** `files` is the blob with the list of several files, whose version is then its hash. */
type InputPlace =
  | { readonly blob: string }
  | { readonly url: string }
  | { readonly files: string; readonly name: string }

/** A job as it was submitted; it never changes. The input is pinned by version, the model by digest. Stored as `spec.json`. */
export interface JobSpec {
  readonly jobId: string
  /** The folder of its blobs. */
  readonly folder: JobFolder
  readonly service: string
  /** SHA-256 of the submission in a canonical spelling. The same id with another fingerprint is a conflict. */
  readonly fingerprint: string
  /** Digest of the model files, entry script and service.json. */
  readonly modelDigest: string
  readonly input: {
    /** Reference to the input, by its name in stored specs. Inline rows are in a blob of the job; a URL's query is in `input-signature`. */
    readonly place: InputPlace
    readonly etag: string
    readonly bytes: number
    readonly format: InputFormat
    readonly isGzip: boolean
    /** If there are several files. */
    readonly fileCount?: number
    readonly header?: boolean
    readonly columns?: readonly string[]
    /** Of a CSV. */
    readonly dialect?: CsvDialect
  }
  readonly output: {
    /** `<container>/<path>` */
    readonly blob: string
    readonly format: OutputFormat
    /** The file is compressed; absent: it is not. */
    readonly isGzip?: true
    /** Columns of the input that are copied to the output. */
    readonly include?: readonly string[] | 'all'
    /** Members of the predictions, if not all. */
    readonly columns?: readonly string[]
    /** Whether a blob of this name is replaced. */
    readonly overwrite?: boolean
    /** There is no output, and nothing is written to `blob`. */
    readonly action?: 'summary_only'
    /** Whether each file of the input has an output of its own, and `blob` is what their names are made of. */
    readonly isPerFile?: boolean
  }
  /** Rows per chunk, if the submission says so. */
  readonly miniBatchSize?: number
  /** Otherwise the bytes of a chunk's text. Pinned, because another version of the app may choose otherwise. */
  readonly chunkBytes?: number
  readonly errorThreshold: number
  /** Where the event of its end is sent. A URL's query is in `event-signature`. */
  readonly onCompleted?: { readonly queue: string } | { readonly url: string }
  readonly maxRetries: number
  /** ISO 8601 */
  readonly createdAt: string
  /** Id of the queue message; absent for a job that came over HTTP. */
  readonly messageId?: string
  /** The span of the submission; absent: its sender has told none. */
  readonly trace?: TraceContext
}

/** Whether the text of each chunk is stored apart, because the input cannot be read in ranges. */
export function isCopied({ format, isGzip }: JobSpec['input']): boolean {
  return isGzip || format === 'parquet'
}

/** Whether the rows came with the submission, so that there is no file. */
export function hasInlineRows({ folder, input: { place } }: Pick<JobSpec, 'folder' | 'input'>): boolean {
  return 'blob' in place && isInlineRowsBlob(folder, place.blob)
}

/** The input's blob or URL, for messages. It has no signature. */
export function inputName({ place }: JobSpec['input']): string {
  if ('files' in place) return place.name
  return 'blob' in place ? place.blob : place.url
}
