import type { JobFolder } from './layout.ts'

/** Also the name of a folder, see `layout.ts`. */
export const jobIdPattern = /^(?!.*\.\.)[A-Za-z0-9][A-Za-z0-9._-]{0,126}[A-Za-z0-9]$|^[A-Za-z0-9]$/

export const inputFormats = ['jsonl', 'csv', 'json', 'parquet'] as const
export type InputFormat = (typeof inputFormats)[number]

export const outputFormats = ['jsonl', 'csv'] as const
export type OutputFormat = (typeof outputFormats)[number]

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

/** @returns whether each chunk's text is kept apart, because the input cannot be read in ranges of it */
export function isCopied({ format, isGzip }: JobSpec['input']): boolean {
  return isGzip || format === 'parquet'
}
