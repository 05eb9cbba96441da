/** The output of a chunk: its lines, with columns of the input, in the format of the file. */
import { promisify } from 'node:util'
import { gzip as gzipCallback } from 'node:zlib'
import type { ChunkTable } from './chunk-table.ts'
import { type IncludedSource, includedCells } from './included-cells.ts'
import { includeColumns } from './included-columns.ts'
import type { OutputTable } from './output-table.ts'
import { parquetMagic, writeParquetChunk, writeParquetFooter } from './parquet-chunk.ts'
import { outputHeader, type ResultLines } from './result-lines.ts'

/** What is stored of a chunk. */
export interface ChunkOutput extends Pick<ResultLines, 'rowCount' | 'failed'> {
  /** The output that it is a part of: `<container>/<path>` */
  readonly blob: string
  /** Its part of the output, between bytes that only make it a file of its own. */
  readonly file: Uint8Array
  readonly start: number
  readonly end: number
}

/** @param source  the text of the chunk, of which columns are copied; undefined: it cannot be read */
export async function encodeChunk(
  results: ResultLines,
  table: ChunkTable,
  source: IncludedSource | undefined,
): Promise<ChunkOutput> {
  const { include, form, format, blob, isFirst } = table
  const counts = { rowCount: results.rowCount, failed: results.failed } // the lines are no longer needed
  if (format === 'parquet') {
    const included = source && include.length > 0 ? includedCells(source, include) : undefined
    const { file, footerBytes } = await writeParquetChunk(results.lines, table, included)
    return { ...counts, blob, file, start: isFirst ? 0 : parquetMagic.byteLength, end: file.byteLength - footerBytes }
  }
  const { lines } = include.length > 0 ? await includeColumns(results, { form, include, source }) : results
  const header = isFirst ? [Buffer.from(outputHeader(table))] : []
  const file = await packed(Buffer.concat([...header, ...lines]), table)
  return { ...counts, blob, file, start: 0, end: file.byteLength }
}

/** The output of a job without rows. */
export async function encodeEmpty(table: OutputTable): Promise<Uint8Array> {
  if (table.format === 'parquet') return Buffer.concat([parquetMagic, await writeParquetFooter(table, [])])
  const header = Buffer.from(outputHeader(table))
  return table.isGzip ? packed(header, table) : header
}

/** A file may have several members one after the other (RFC 1952, section 2.2). */
async function packed(text: Uint8Array, { isGzip }: OutputTable): Promise<Uint8Array> {
  return isGzip ? gzip(text) : text
}

const gzip = promisify(gzipCallback)
