import { ScoringError } from '../../errors.ts'
import type { OutputFormat } from '../spec.ts'

const formatOfEnding: Readonly<Record<string, OutputFormat>> = { jsonl: 'jsonl', ndjson: 'jsonl', csv: 'csv' }

/** What readers would take the output for, and be wrong: other formats of tables and values, and whatever packs files. */
const otherFormats = new Set(
  (
    'json geojson xml html yaml yml tsv tab psv xls xlsx xlsb ods parquet pq avro orc feather arrow ipc npy npz h5 hdf5 pkl pickle ' +
    'db sqlite mat pdf gz gzip zip bz2 xz zst zstd br lz4 snappy 7z tar tgz rar'
  ).split(' '),
)

/**
 * In which format the output is, as its submission says, else as the ending of its name tells.
 *
 * @throws ScoringError JOB_INVALID: the ending promises another one
 */
export function chooseOutputFormat(blob: string | undefined, given: OutputFormat | undefined): OutputFormat {
  const ending = /\.([a-z0-9]+)$/.exec(blob?.toLowerCase() ?? '')?.[1] ?? ''
  const promised = Object.hasOwn(formatOfEnding, ending) ? formatOfEnding[ending] : undefined
  if (otherFormats.has(ending) || (promised !== undefined && given !== undefined && given !== promised)) {
    const wanted = given === 'csv' ? '.csv' : given === 'jsonl' ? '.jsonl or .ndjson' : '.jsonl, .ndjson or .csv'
    throw new ScoringError(
      'JOB_INVALID',
      `output.blob: ends with ".${ending}", but ${given ?? 'jsonl or csv'} is what the job writes; let the name end with ${wanted}`,
    )
  }
  return given ?? promised ?? 'jsonl'
}
