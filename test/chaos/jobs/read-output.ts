/** Reads what jobs have written, with readers that others wrote. */
import { gunzipSync } from 'node:zlib'
import { parse } from 'csv-parse/sync'
import { parquetReadObjects } from 'hyparquet'
import type { ChaosOutput } from './job-maker.ts'

/** A line of an output. */
export interface Line {
  readonly index: number
  readonly file?: string | undefined
  /** Its copy of the column `id`; undefined: there is none. */
  readonly id?: string | undefined
  readonly prediction?: number
  readonly code?: string
}

/** What an output is like. */
export type OutputForm = Pick<ChaosOutput, 'format' | 'hasId' | 'hasFile'>

/** @param content  whole, or the results of one chunk */
export async function readLines(form: OutputForm, content: Buffer): Promise<Line[]> {
  if (form.format === 'parquet') return readParquet(content)
  const text = (isGzip(content) ? gunzipSync(content) : content).toString()
  return form.format === 'csv' ? readCsv(form, text) : readJsonLines(text)
}

function isGzip(content: Buffer): boolean {
  return content[0] === 0x1f && content[1] === 0x8b
}

function readJsonLines(text: string): Line[] {
  const lines = text.split('\n')
  if (lines.pop() !== '') throw new Error('the last line has no end')
  return lines.map(line => {
    const { index, file, columns, prediction, error } = JSON.parse(line)
    return { index, file, id: columns?.id ?? undefined, ...(error ? { code: error.code } : { prediction }) }
  })
}

/** Results of chunks have no header, but for those of the first. */
function readCsv({ hasId, hasFile }: OutputForm, text: string): Line[] {
  const header = [
    'index',
    ...(hasId ? ['id'] : []),
    ...(hasFile ? ['file'] : []),
    'prediction',
    'error_code',
    'error_message',
  ]
  const records: string[][] = parse(text)
  if (records[0]?.[0] === 'index') {
    const found = records.shift()?.join(',')
    if (found !== header.join(',')) throw new Error(`the header is ${found}`)
  }
  return records.map(record => {
    const row = Object.fromEntries(header.map((name, at) => [name, record[at] as string]))
    return readCells(row)
  })
}

async function readParquet(content: Buffer): Promise<Line[]> {
  const rows = await parquetReadObjects({ file: Uint8Array.from(content).buffer })
  return rows.map(row => readCells(row))
}

/** Of a CSV, where nothing is '', or of Parquet, where it is null. */
function readCells({ index, file, id, prediction, error_code: code }: Record<string, unknown>): Line {
  return {
    index: Number(index),
    file: file === undefined ? undefined : String(file),
    id: id === undefined || id === null || id === '' ? undefined : String(id),
    ...(code ? { code: String(code) } : { prediction: Number(prediction) }),
  }
}
