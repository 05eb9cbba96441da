/** The formats of a job's input and output: as the submission says, otherwise by the extension of the blob's name. */
import type { InputFormat, OutputFormat } from '../spec.ts'
import { invalidJob } from './job-invalid.ts'

const inputExtensions: Readonly<Record<string, InputFormat>> = {
  jsonl: 'jsonl',
  ndjson: 'jsonl',
  csv: 'csv',
  json: 'json',
  parquet: 'parquet',
}

const outputExtensions: Readonly<Record<string, OutputFormat>> = { jsonl: 'jsonl', ndjson: 'jsonl', csv: 'csv' }

/** Extensions that would mislead the readers of an output: other formats of tables and values, and archives. */
const misleadingExtensions = new Set(
  (
    'json geojson xml html yaml yml tsv tab psv xls xlsx xlsb ods parquet pq avro orc feather arrow ipc npy npz h5 hdf5 pkl pickle ' +
    'db sqlite mat pdf gz gzip zip bz2 xz zst zstd br lz4 snappy 7z tar tgz rar'
  ).split(' '),
)

interface GivenFormat {
  readonly format?: InputFormat | undefined
  readonly isGzip?: boolean | undefined
  /** If the name does not say it. */
  readonly usualFormat?: InputFormat | undefined
}

/**
 * @param name  path of the blob or of the URL, e.g. `input/patients.csv.gz`
 * @throws ScoringError JOB_INVALID when neither says the format, and for a gzipped Parquet file
 */
export function chooseInputFormat(name: string, given: GivenFormat = {}): { format: InputFormat; isGzip: boolean } {
  const unpackedName = name.toLowerCase().replace(/\.gz$/, '')
  const format = given.format ?? formatByName(unpackedName, inputExtensions) ?? given.usualFormat
  const isGzip = given.isGzip ?? unpackedName.length < name.length
  if (!format) {
    const extensions = Object.keys(inputExtensions).map(each => `.${each}`)
    throw invalidJob(
      `input.format: is missing, and the name of the input ends with none of ${extensions.join(', ')} (each also with .gz); set it to "jsonl", "csv", "json" or "parquet"`,
    )
  }
  // The pages of a Parquet file are compressed one by one, so that it can be read in ranges. A gzipped file cannot.
  if (format === 'parquet' && isGzip) {
    throw invalidJob('input: a gzipped Parquet file cannot be read in ranges; upload the .parquet file itself')
  }
  return { format, isGzip }
}

/** @throws ScoringError JOB_INVALID when the extension belongs to another format */
export function chooseOutputFormat(blob: string | undefined, given: OutputFormat | undefined): OutputFormat {
  const name = blob?.toLowerCase() ?? ''
  const byName = formatByName(name, outputExtensions)
  const extension = extensionIn(name)
  if (misleadingExtensions.has(extension) || (byName !== undefined && given !== undefined && given !== byName)) {
    const fitting = given === 'csv' ? '.csv' : given === 'jsonl' ? '.jsonl or .ndjson' : '.jsonl, .ndjson or .csv'
    throw invalidJob(
      `output.blob: ends with ".${extension}", but the job writes ${given ?? 'jsonl or csv'}; use a name that ends with ${fitting}`,
    )
  }
  return given ?? byName ?? 'jsonl'
}

/** @returns undefined when the name does not say it */
export function formatInName(name: string): InputFormat | undefined {
  return formatByName(name.toLowerCase().replace(/\.gz$/, ''), inputExtensions)
}

function formatByName<Format>(name: string, extensions: Readonly<Record<string, Format>>): Format | undefined {
  const extension = extensionIn(name)
  return Object.hasOwn(extensions, extension) ? extensions[extension] : undefined
}

/** @returns the text after the last dot, or '' */
function extensionIn(name: string): string {
  return /\.([a-z0-9]+)$/.exec(name)?.[1] ?? ''
}
