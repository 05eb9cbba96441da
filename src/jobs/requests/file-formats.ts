/** The formats of a job's input and output: as the submission says, otherwise by the extension of the blob's name. */
import type { InputFormat, OutputFormat } from '../spec.ts'
import { invalidJob } from './job-invalid.ts'

const inputExtensions: Readonly<Record<string, InputFormat>> = {
  jsonl: 'jsonl',
  ndjson: 'jsonl',
  csv: 'csv',
  json: 'json',
  parquet: 'parquet',
  pq: 'parquet',
}

const asCsv = 'set it to "csv", and "delimiter" to what separates the cells, e.g. "\\t"'
const asWorkbook = 'workbooks are not read: save the sheet as CSV (Excel: "CSV UTF-8")'
const asTable = 'such files are not read: write the table as Parquet or CSV'

/** What can be done with other files of tables. */
const adviceByExtension: Readonly<Record<string, string>> = {
  ...{ tsv: asCsv, tab: asCsv, psv: asCsv, txt: asCsv },
  ...{ xlsx: asWorkbook, xls: asWorkbook, xlsm: asWorkbook, xlsb: asWorkbook, ods: asWorkbook },
  ...{
    feather: asTable,
    arrow: asTable,
    ipc: asTable,
    avro: asTable,
    orc: asTable,
    pkl: asTable,
    npy: asTable,
    npz: asTable,
  },
}

const outputExtensions: Readonly<Record<string, OutputFormat>> = {
  jsonl: 'jsonl',
  ndjson: 'jsonl',
  csv: 'csv',
  parquet: 'parquet',
  pq: 'parquet',
}

/** Extensions that would mislead the readers of an output: other formats of tables and values, and archives. */
const misleadingExtensions = new Set(
  (
    'json geojson xml html yaml yml tsv tab psv xls xlsx xlsb ods avro orc feather arrow ipc npy npz h5 hdf5 pkl pickle ' +
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
    const extension = extensionIn(unpackedName)
    const advice = Object.hasOwn(adviceByExtension, extension) ? adviceByExtension[extension] : undefined
    if (advice !== undefined)
      throw invalidJob(`input.format: is missing, and the name of the input ends with ".${extension}"; ${advice}`)
    const extensions = Object.keys(inputExtensions).map(each => `.${each}`)
    throw invalidJob(
      `input.format: is missing, and the name of the input ends with none of ${extensions.join(', ')} (text also with .gz); set it to "jsonl", "csv", "json" or "parquet"`,
    )
  }
  requireReadable(format, isGzip)
  return { format, isGzip }
}

/**
 * The pages of a Parquet file are compressed one by one, so that it can be read in ranges. A gzipped file cannot.
 *
 * @throws ScoringError JOB_INVALID
 */
export function requireReadable(format: InputFormat, isGzip: boolean): void {
  if (format === 'parquet' && isGzip)
    throw invalidJob('input: a gzipped Parquet file cannot be read in ranges; upload the .parquet file itself')
}

/** @throws ScoringError JOB_INVALID when the extension belongs to another format */
export function chooseOutputFormat(
  blob: string | undefined,
  given: { readonly format?: OutputFormat | undefined; readonly isGzip?: boolean | undefined } = {},
): { format: OutputFormat; isGzip: boolean } {
  const name = blob?.toLowerCase() ?? ''
  const unpackedName = name.replace(/\.gz$/, '')
  const isPackedName = unpackedName.length < name.length
  const byName = formatByName(unpackedName, outputExtensions)
  const format = given.format ?? byName ?? 'jsonl'
  const isGzip = given.isGzip ?? isPackedName
  // Its pages are compressed one by one.
  if (given.isGzip && format === 'parquet')
    throw invalidJob('output.isGzip: applies to jsonl and csv; Parquet is compressed anyway')
  const isOtherFormat =
    misleadingExtensions.has(extensionIn(unpackedName)) || (byName !== undefined && format !== byName)
  const isOtherPacking = isPackedName ? !isGzip || format === 'parquet' : isGzip && byName !== undefined
  if (isOtherFormat || isOtherPacking) {
    const written = given.format ?? (isOtherFormat ? undefined : format)
    const what = `${written ?? 'jsonl, csv or parquet'}${isGzip && format !== 'parquet' ? ', gzipped' : ''}`
    throw invalidJob(
      `output.blob: ends with ".${extensionIn(name)}", but the job writes ${what}; use a name that ends with ${endings(written, given.isGzip === true)}`,
    )
  }
  return { format, isGzip }
}

function endings(format: OutputFormat | undefined, isGzip: boolean): string {
  const fitting = Object.keys(outputExtensions).filter(
    each => format === undefined || outputExtensions[each] === format,
  )
  const names = fitting.map(each => `.${each}${isGzip ? '.gz' : ''}`)
  return names.length > 1 ? `${names.slice(0, -1).join(', ')} or ${names.at(-1)}` : names.join('')
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
