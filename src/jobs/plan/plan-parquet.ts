import { InputUnreadable, tooLarge } from '../failure.ts'
import { cellMark } from '../formats/packed-columns.ts'
import { ParquetFile } from '../formats/parquet-file.ts'
import type { ReadInput } from '../formats/text-source.ts'
import type { PlanCursor } from '../plan-parts.ts'
import { ChunkBuilder, type Chunks, type NextChunk } from './chunk-builder.ts'
import { ColumnPacker } from './column-packer.ts'
import { openTable, type ParquetTable, readSlices } from './parquet-table.ts'
import type { PlanOptions } from './plan-chunks.ts'
import type { ColumnToPack, RowSlice } from './prepared-columns.ts'

const defaultSliceBytes = 32 * 1024 ** 2

/**
 * A `PlanParquet` on this thread. A damaged file may block it for a minute or exhaust its memory, because the reader trusts the run
 * lengths in the file. Reads only the columns of a row, some thousand rows at a time.
 *
 * @param options.sliceBytes  approximate size of the rows that are read at a time; the chunks do not depend on it
 * @throws InputUnreadable after the chunks before the fault; what `read` throws
 */
export async function* planParquet(
  read: ReadInput,
  { sliceBytes = defaultSliceBytes, ...options }: PlanOptions & { readonly sliceBytes?: number },
  cursor: PlanCursor,
): Chunks {
  const file = new ParquetFile(read, options.bytes)
  let rows: RowCollector | undefined
  try {
    const table = await openTable(file, options)
    rows = table.packed ? new PackedRows(table, table.packed, options, cursor) : new TextRows(table, options, cursor)
    for await (const slice of readSlices(table, { firstRow: cursor.row, sliceBytes })) yield* rows.add(slice)
  } catch (cause) {
    const failure = file.failure ?? cause
    const isFault = !file.failure || failure instanceof InputUnreadable
    if (isFault && rows) yield* rows.rest()
    if (!isFault || failure instanceof InputUnreadable) throw failure
    throw new InputUnreadable('INPUT_NOT_PARQUET', 'the input cannot be read as a Parquet file', { cause })
  }
  yield* rows.rest()
  return rows.cursor
}

/** Divides rows into chunks. */
interface RowCollector {
  /** The position behind the last chunk. */
  readonly cursor: PlanCursor
  /** Adds rows. @returns the chunks that are full. @throws InputUnreadable INPUT_TOO_LARGE */
  add(slice: RowSlice): Iterable<NextChunk>
  /** The chunk that is not full, if it has rows. */
  rest(): Iterable<NextChunk>
}

/** Writes rows as JSON Lines. */
class TextRows implements RowCollector {
  readonly #table: ParquetTable
  readonly #options: PlanOptions
  readonly #chunk: ChunkBuilder
  #end: number

  constructor(table: ParquetTable, options: PlanOptions, cursor: PlanCursor) {
    this.#table = table
    this.#options = options
    this.#end = cursor.offset
    this.#chunk = new ChunkBuilder(options, cursor, { separator: '\n' })
    if (table.record) this.#chunk.name(table.record.columns, table.record.types)
  }

  get cursor(): PlanCursor {
    return this.#chunk.cursor
  }

  *add({ rowCount, values }: RowSlice): Generator<NextChunk> {
    const { columns, encodeRow } = this.#table
    const { maxRowBytes, maxInputBytes } = this.#options
    for (let at = 0; at < rowCount; at++) {
      const row = Buffer.from(
        encodeRow(columns.map(({ encode }, column) => encode((values[column] as ArrayLike<unknown>)[at]))),
      )
      const start = this.#end
      this.#end += row.length
      if (this.#end > maxInputBytes) throw tooLarge(maxInputBytes)
      const kept = row.length > maxRowBytes ? undefined : row
      if (this.#chunk.add({ start, end: this.#end }, kept)) yield this.#chunk.close()
    }
  }

  *rest(): Generator<NextChunk> {
    if (this.#chunk.hasRows) yield this.#chunk.close()
  }
}

/** Stores the values of columns, without text between. */
class PackedRows implements RowCollector {
  readonly #maxInputBytes: number
  readonly #chunk: ChunkBuilder
  readonly #packer: ColumnPacker
  #end: number

  constructor(table: ParquetTable, columns: readonly ColumnToPack[], options: PlanOptions, cursor: PlanCursor) {
    const { encodeRow, record } = table
    const { maxRowBytes, maxInputBytes } = options
    this.#end = cursor.offset
    this.#maxInputBytes = maxInputBytes
    this.#chunk = new ChunkBuilder(options, cursor, undefined)
    if (record) this.#chunk.name(record.columns, record.types)
    const packed = { ...withRowText(columns, encodeRow), maxRowBytes, ...(record && { names: record.columns }) }
    this.#packer = new ColumnPacker(packed)
  }

  get cursor(): PlanCursor {
    return this.#chunk.cursor
  }

  *add(rows: RowSlice): Generator<NextChunk> {
    const packer = this.#packer
    const slice = packer.prepare(rows)
    let from = 0
    for (let row = 0; row < slice.rowCount; row++) {
      const start = this.#end
      this.#end += packer.rowBytes(slice, row)
      if (this.#end > this.#maxInputBytes) {
        packer.add(slice, from, row)
        throw tooLarge(this.#maxInputBytes)
      }
      if (!this.#chunk.add({ start, end: this.#end }, undefined)) continue
      packer.add(slice, from, row + 1)
      from = row + 1
      yield this.#close()
    }
    packer.add(slice, from, slice.rowCount)
  }

  *rest(): Generator<NextChunk> {
    if (this.#chunk.hasRows) yield this.#close()
  }

  #close(): NextChunk {
    return { ...this.#chunk.close(), isPacked: true, content: this.#packer.pack() }
  }
}

/** Rows nest what does not begin as a list. No two cells stand side by side. */
const listMark = `[${cellMark}${cellMark}`

/** @returns the text of a row with marks in place of its cells, and the columns, of which nulls in place of lists are nested as in that text */
function withRowText(columns: readonly ColumnToPack[], encodeRow: ParquetTable['encodeRow']) {
  const marks = columns.map(({ list }) => (list ? listMark : cellMark))
  const row = encodeRow(marks)
  const nested = columns.map((column, at) => {
    if (!column.list) return column
    const brackets = (encodeRow(marks.with(at, cellMark)).length + listMark.length - cellMark.length - row.length) / 2
    const missing = `${'['.repeat(brackets)}null${']'.repeat(brackets)}`
    return { ...column, encode: (value: unknown) => (value == null ? missing : column.encode(value)) }
  })
  return { columns: nested, row: row.replaceAll(listMark, cellMark) }
}
