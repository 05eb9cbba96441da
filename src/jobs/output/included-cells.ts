/** Cells of the input that are copied to the output. */
import { isUtf8 } from 'node:buffer'
import { isNestedDeeper } from '../../tensor/json-depth.ts'
import { JsonError, readJson } from '../../tensor/json-reader.ts'
import { splitRecord } from '../formats/csv-record.ts'
import { isRecord, maxDepth } from '../formats/json-records.ts'
import type { PackedColumns } from '../formats/packed-columns.ts'
import { RowReader } from '../formats/row-reader.ts'
import { createChunkScanner, type TextForm } from '../formats/row-scanner.ts'
import { splitObject } from '../formats/split-json.ts'

/** Text of a chunk. */
export interface IncludedSource extends TextForm {
  readonly pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>
  /** The columns, if the chunk has values in place of its text. */
  readonly packed?: PackedColumns | undefined
  /** Columns of the CSV from left to right, or names of the values of the records of JSON. */
  readonly columns: readonly string[]
  readonly maxRowBytes: number
}

/** The cells of a row, in the order of `include`: as they stand in a CSV, JSON text otherwise; undefined where there is none. */
export type IncludedCells = readonly (string | undefined)[]

/** @returns the cells of each row; none for rows that are no record of the columns */
export async function* includedCells(
  { format, dialect, pieces, packed, columns, maxRowBytes }: IncludedSource,
  include: readonly string[],
): AsyncGenerator<IncludedCells> {
  if (packed) return yield* packedCells(packed, include)
  const places = include.map(name => columns.indexOf(name))
  const reader = new RowReader(createChunkScanner({ format, dialect }), 0, maxRowBytes)
  const read = (row: Uint8Array | undefined): IncludedCells => {
    if (!row || !isUtf8(row)) return []
    const bytes = Buffer.from(row.buffer, row.byteOffset, row.length)
    if (format !== 'csv') return cellsOfRecord(bytes, include)
    const cells = splitRecord(bytes.toString().replace(/\r$/, ''), dialect)
    return cells?.length === columns.length ? places.map(place => cells[place]) : []
  }
  for await (const piece of pieces) {
    reader.feed(piece)
    while (reader.next()) yield read(reader.row)
  }
  if (reader.finish()) yield read(reader.row)
}

function* packedCells(packed: PackedColumns, include: readonly string[]): Generator<IncludedCells> {
  const cells = packed.namedCells(include)
  for (let row = 0; row < packed.rowCount; row++) yield cells(row)
}

function cellsOfRecord(bytes: Buffer, include: readonly string[]): IncludedCells {
  if (isNestedDeeper(bytes, maxDepth)) return []
  const json = bytes.toString()
  try {
    if (!isRecord(readJson(json, { takesNonFinite: true }))) return []
  } catch (failure) {
    if (failure instanceof JsonError) return []
    throw failure
  }
  const members = splitObject(json)
  return include.map(name => members?.get(name))
}
