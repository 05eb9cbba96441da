import { isUtf8 } from 'node:buffer'
import type { TensorInfo } from '../../models/session/model-session.ts'
import { isNestedDeeper } from '../../protocols/azureml/json-depth.ts'
import type { Dtype } from '../../tensor/dtype.ts'
import { JsonError, readJson } from '../../tensor/json-reader.ts'
import type { Row } from '../row-scorer.ts'
import { cellJson } from './cell-json.ts'
import { cellsOf } from './csv-cells.ts'
import type { ChunkFormat } from './input-format.ts'
import { isMissingText, type MissingOptions } from './missing-value.ts'
import { numbersIn } from './number-record.ts'
import { tooLargeRow } from './open-chunk.ts'
import type { PlannedChunk } from './planned-chunk.ts'
import { RowCutter } from './row-cutter.ts'
import { chunkScannerOf } from './row-scanner.ts'
import { type RowShape, rowShapeOf, type TableNames } from './row-shape.ts'

export interface ReadOptions extends TableNames, MissingOptions {
  /** Of the chunk's bytes (`chunkFormatOf`). */
  readonly format: ChunkFormat
  /** Header of a CSV: `columns` of the plan's cursor. */
  readonly columns?: readonly string[] | undefined
  /** What the service takes: types and places of a CSV's cells; undefined: rows are objects by column name. */
  readonly inputs: readonly TensorInfo[] | undefined
  readonly maxRowBytes: number
}

/** As requests may be, less what a row is put into. */
const maxDepth = 990

export type RowFault =
  | 'ROW_TOO_LARGE'
  | 'ROW_NOT_UTF8'
  | 'ROW_NOT_JSON'
  | 'ROW_IS_A_BODY'
  | 'ROW_NOT_CSV'
  | 'ROW_RAGGED'
  | 'ROW_NOT_A_NUMBER'
  | 'ROW_NOT_A_BOOL'

/**
 * The rows of one chunk. A row of JSON is its text as it stands, of which it is known that it is exactly one JSON value.
 *
 * @param content  the bytes of the input from `chunk.start` to `chunk.end`, or the chunk's own text
 * @returns `chunk.rowCount` rows; messages of those that are none hold no value of the row
 * @throws InputUnreadable INPUT_COLUMNS_UNFIT; Error when the content is not that of the chunk
 */
export async function readRows(
  content: AsyncIterable<Uint8Array>,
  chunk: Pick<PlannedChunk, 'chunk' | 'rowCount'>,
  options: ReadOptions,
): Promise<Row[]> {
  const { format, columns, inputs, maxRowBytes, missing = 'nan' } = options
  const shape = format === 'csv' && columns ? rowShapeOf(columns, inputs, options) : undefined
  const read = (text: Buffer) =>
    shape && columns ? csvRow(text.toString(), shape, columns.length, missing) : jsonRow(text, options)
  const cutter = new RowCutter(chunkScannerOf(format), 0, maxRowBytes)
  const rows: Row[] = []
  const add = (bytes: Uint8Array | undefined) => {
    if (!bytes || isTooLargeMark(bytes)) {
      rows.push(failed('ROW_TOO_LARGE', `the row is larger than ${maxRowBytes} bytes`))
    } else if (!isUtf8(bytes)) {
      rows.push(failed('ROW_NOT_UTF8', 'the row is not UTF-8'))
    } else {
      rows.push(read(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)))
    }
  }
  for await (const piece of content) {
    cutter.feed(piece)
    while (cutter.next()) add(cutter.row)
  }
  if (cutter.finish()) add(cutter.row)
  if (rows.length !== chunk.rowCount) {
    throw new Error(`chunk ${chunk.chunk} holds ${rows.length} rows, of which ${chunk.rowCount} were planned`)
  }
  return rows
}

function jsonRow(bytes: Buffer, { inputs, names = [], missing = 'nan' }: ReadOptions): Row {
  if (isNestedDeeper(bytes, maxDepth)) {
    return failed('ROW_NOT_JSON', `the row is nested deeper than ${maxDepth} levels`)
  }
  const json = trimmed(bytes).toString()
  try {
    const body = bodyMember(read(json, missing), inputs, names)
    if (body === undefined) return { json }
    const right = 'the list of its values, or an object of them by name'
    return failed('ROW_IS_A_BODY', `the row is an object with "${body}", like the body of a request; a row is ${right}`)
  } catch (failure) {
    if (!(failure instanceof JsonError)) throw failure
    return failed('ROW_NOT_JSON', `the row is not JSON: ${failure.message}`)
  }
}

/** With NaN and infinities as Python writes them, where they may be values. @throws JsonError */
function read(json: string, missing: 'nan' | 'error'): unknown {
  try {
    return JSON.parse(json)
  } catch {
    // V8's own message quotes the row.
    return readJson(json, { takesTokens: missing === 'nan' })
  }
}

/** @returns the member in which requests have their rows, and a row has nothing */
function bodyMember(
  row: unknown,
  inputs: readonly TensorInfo[] | undefined,
  names: readonly string[],
): string | undefined {
  if (!inputs || typeof row !== 'object' || row === null) return undefined
  const isKnown = (member: string) => names.includes(member) || inputs.some(({ name }) => name === member)
  return ['data', 'input_data', 'Inputs'].find(member => Object.hasOwn(row, member) && !isKnown(member))
}

/** Without what JSON calls white space; a pattern that looks for the end of a row would look at each space within it. */
function trimmed(bytes: Buffer): Buffer {
  let [start, end] = [0, bytes.length]
  while (start < end && isWhiteSpace(bytes[start])) start++
  while (end > start && isWhiteSpace(bytes[end - 1])) end--
  return bytes.subarray(start, end)
}

function isWhiteSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09
}

function csvRow(line: string, shape: RowShape, columnCount: number, missing: 'nan' | 'error'): Row {
  const record = line.endsWith('\r') ? line.slice(0, -1) : line
  if (shape.isNumberList && numbersIn(record) === columnCount) return { json: `[${record}]` }
  const cells = cellsOf(record)
  if (!cells) return failed('ROW_NOT_CSV', 'the row has text after the closing quote of a cell')
  if (cells.length !== columnCount) {
    return failed('ROW_RAGGED', `the row has ${cells.length} cell(s), the header names ${columnCount} column(s)`)
  }
  const values: string[] = []
  for (const { column, name, dtype } of shape.cells) {
    const cell = cells[column] as string
    const value = cellJson(cell, dtype, missing)
    if (value === undefined) return unfitCell(cell, name, dtype as Dtype)
    values.push(value)
  }
  return { json: shape.rowOf(values) }
}

function unfitCell(cell: string, column: string, dtype: Dtype): Row {
  const text = cell.trim()
  const kind = dtype === 'bool' ? 'true or false' : `a number (${dtype})`
  const found = text === '' ? 'is empty' : isMissingText(text) ? 'has a missing value' : 'holds something else'
  const why = !isMissingText(text)
    ? ''
    : dtype.startsWith('float')
      ? '; the service takes no missing values ("missing": "error")'
      : '; only floating-point values can be missing'
  const code = dtype === 'bool' ? 'ROW_NOT_A_BOOL' : 'ROW_NOT_A_NUMBER'
  return failed(code, `column "${column}" ${found}; it takes ${kind}${why}`)
}

function failed(code: RowFault, message: string): Row {
  return { code, message }
}

function isTooLargeMark(bytes: Uint8Array): boolean {
  return bytes.length === tooLargeRow.length && Buffer.compare(bytes, tooLargeRow) === 0
}
