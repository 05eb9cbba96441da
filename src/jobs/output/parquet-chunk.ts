/** Row groups of a Parquet output. The output of a chunk is one, and a Parquet file of its own until all are joined. */
import type { FileMetaData, RowGroup } from 'hyparquet'
import { splitRecord } from '../formats/csv-record.ts'
import { CsvScanner } from '../formats/csv-scanner.ts'
import type { IncludedCells } from './included-cells.ts'
import type { OutputTable } from './output-table.ts'
import { cellValue, jsonValue, type ParquetColumn, parquetColumns, parquetSchema } from './parquet-columns.ts'
import { pauseEach } from './pause.ts'

/** Parquet, "File format": every file begins and ends with it. */
export const parquetMagic = Buffer.from('PAR1')

/** A Parquet file of one row group. */
export interface ParquetChunk {
  readonly file: Uint8Array
  /** Bytes at its end, behind the row group. */
  readonly footerBytes: number
}

/**
 * Writes the rows of a chunk.
 *
 * @param lines  the lines of a CSV
 * @param included  cells of each row that are copied; undefined: they cannot be read
 */
export async function writeParquetChunk(
  lines: readonly Uint8Array[],
  table: OutputTable,
  included: AsyncIterable<IncludedCells> | undefined,
): Promise<ParquetChunk> {
  const columns = parquetColumns(table)
  const rows = new ColumnValues(columns)
  const cells = included?.[Symbol.asyncIterator]()
  const isText = table.includesText
  for await (const record of pauseEach(1000, readRecords(lines))) {
    const next = await cells?.next()
    rows.add(record, next && !next.done ? next.value : [], isText)
  }
  const { ParquetWriter, ByteWriter } = await loadWriter()
  const bytes = new ByteWriter()
  const file = new ParquetWriter({ writer: bytes, schema: parquetSchema(columns), statistics: false, createdBy })
  file.write({ columnData: rows.columnData(), rowGroupSize: rows.count })
  const end = bytes.offset
  file.finish()
  const whole = bytes.getBytes()
  return { file: whole, footerBytes: whole.byteLength - end }
}

const createdBy = 'scoring-functions'

async function loadWriter() {
  const [{ ParquetWriter }, { ByteWriter }] = await Promise.all([
    import('hyparquet-writer/src/parquet-writer.js'),
    import('hyparquet-writer/src/bytewriter.js'),
  ])
  return { ParquetWriter, ByteWriter }
}

/** The row group of a chunk: what lies behind it in its own file, and its bytes in the joined one. */
export interface JoinedRowGroup {
  readonly footer: Uint8Array
  readonly bytes: number
}

/** Writes what stands behind the row groups of a joined file. */
export async function writeParquetFooter(table: OutputTable, groups: readonly JoinedRowGroup[]): Promise<Uint8Array> {
  const { ParquetWriter, ByteWriter } = await loadWriter()
  const bytes = new ByteWriter()
  const file = new ParquetWriter({ writer: bytes, schema: parquetSchema(parquetColumns(table)), createdBy })
  // In its own file a row group begins behind the magic number. The first one has it in the joined file too.
  const ownOffset = parquetMagic.byteLength
  let offset = 0
  for (const { footer, bytes: size } of groups) {
    for (const group of (await readFooter(footer)).row_groups) {
      file.row_groups.push(moved(group, BigInt(offset === 0 ? 0 : offset - ownOffset)))
      file.num_rows += group.num_rows
    }
    offset += size
  }
  file.finish()
  return bytes.getBytes().subarray(ownOffset)
}

async function readFooter(footer: Uint8Array): Promise<FileMetaData> {
  const { parquetMetadata } = await import('hyparquet')
  return parquetMetadata(Uint8Array.from(footer).buffer, { geoparquet: false })
}

function moved(group: RowGroup, by: bigint): RowGroup {
  return {
    ...group,
    columns: group.columns.map(({ meta_data, ...column }) => {
      if (!meta_data) return column
      const { data_page_offset, dictionary_page_offset } = meta_data
      const dictionary = dictionary_page_offset !== undefined && { dictionary_page_offset: dictionary_page_offset + by }
      return { ...column, meta_data: { ...meta_data, data_page_offset: data_page_offset + by, ...dictionary } }
    }),
  }
}

function* readRecords(lines: readonly Uint8Array[]): Generator<string[]> {
  const text = Buffer.concat(lines)
  const scanner = new CsvScanner(0)
  scanner.feed(text)
  while (scanner.next()) yield splitRecord(text.toString('utf8', scanner.start, scanner.end)) ?? []
}

/** The values of rows by column. */
class ColumnValues {
  readonly #columns: ReturnType<typeof parquetColumns>
  readonly #values: Map<ParquetColumn, unknown[]>

  constructor(columns: ReturnType<typeof parquetColumns>) {
    const { index, included, file, predictions, errors } = columns
    this.#columns = columns
    this.#values = new Map([index, ...included, ...file, ...predictions, ...errors].map(column => [column, []]))
  }

  get count(): number {
    return this.#values.get(this.#columns.index)?.length ?? 0
  }

  /**
   * @param record  a line of the output as a CSV
   * @param included  cells that are copied
   * @param isText  they stand in a CSV; otherwise they are JSON
   */
  add([index = '', ...record]: readonly string[], included: IncludedCells, isText: boolean): void {
    const [code = '', message = ''] = record.splice(-2)
    const { index: indexColumn, included: copied, file, predictions, errors } = this.#columns
    const failed = code !== ''
    this.#push(indexColumn, BigInt(index))
    for (const [at, column] of copied.entries())
      this.#push(column, isText ? (included[at] ?? null) : jsonValue(included[at], column))
    for (const column of file) this.#push(column, record.shift())
    for (const [at, column] of predictions.entries())
      this.#push(column, failed ? null : cellValue(record[at] ?? '', column))
    for (const [at, column] of errors.entries()) this.#push(column, failed ? [code, message][at] : null)
  }

  columnData(): { name: string; data: unknown[]; offsetIndex: false; encoding?: 'PLAIN' }[] {
    return [...this.#values].map(([{ name, dtype }, data]) => ({
      ...{ name, data, offsetIndex: false as const },
      // Dictionaries of the writer have one entry for 0 and -0.
      ...(dtype?.startsWith('float') && { encoding: 'PLAIN' as const }),
    }))
  }

  #push(column: ParquetColumn, value: unknown): void {
    this.#values.get(column)?.push(value)
  }
}
