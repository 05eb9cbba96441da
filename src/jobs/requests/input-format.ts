import { ScoringError } from '../../errors.ts'
import type { InputFormat } from '../spec.ts'

const formatOfEnding: Readonly<Record<string, InputFormat>> = {
  jsonl: 'jsonl',
  ndjson: 'jsonl',
  csv: 'csv',
  json: 'json',
  parquet: 'parquet',
}

/**
 * What an input is, as its submission says, else as the ending of its name tells.
 *
 * @param name  path of the blob or of the URL, e.g. `input/patients.csv.gz`
 * @throws ScoringError JOB_INVALID: neither tells, or a packed Parquet file
 */
export function chooseInputFormat(
  name: string,
  given: { readonly format?: InputFormat | undefined; readonly isGzip?: boolean | undefined } = {},
): { format: InputFormat; isGzip: boolean } {
  const unpackedName = name.toLowerCase().replace(/\.gz$/, '')
  const ending = /\.([a-z]+)$/.exec(unpackedName)?.[1] ?? ''
  const format = given.format ?? (Object.hasOwn(formatOfEnding, ending) ? formatOfEnding[ending] : undefined)
  const isGzip = given.isGzip ?? unpackedName.length < name.length
  if (!format) {
    const endings = Object.keys(formatOfEnding).map(each => `.${each}`)
    throw new ScoringError(
      'JOB_INVALID',
      `input.format: the name of the input ends with none of ${endings.join(', ')} (also with .gz); say "jsonl", "csv", "json" or "parquet"`,
    )
  }
  // Its pages are packed one by one, so that it can be read in ranges; as a whole it could not.
  if (format === 'parquet' && isGzip) {
    throw new ScoringError(
      'JOB_INVALID',
      'input: a Parquet file in gzip is not taken; put the .parquet file there itself',
    )
  }
  return { format, isGzip }
}
