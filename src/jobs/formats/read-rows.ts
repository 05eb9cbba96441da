import { isUtf8 } from 'node:buffer'
import type { TensorInfo } from '../../models/session/model-session.ts'
import type { Dtype } from '../../tensor/dtype.ts'
import { isNestedDeeper } from '../../tensor/json-depth.ts'
import { JsonError, readJson } from '../../tensor/json-reader.ts'
import type { CsvDialect } from '../csv-dialect.ts'
import { suggestMarks } from '../number-spelling.ts'
import type { Row, RowReading } from '../row-scorer.ts'
import { bodyMember } from './body-member.ts'
import { cellJson, type FileReading, fileReading } from './cell-json.ts'
import { countNumbers, splitRecord } from './csv-record.ts'
import { isEncryptedRow } from './encrypted-row.ts'
import { isWhiteSpace } from './json-lines-scanner.ts'
import { isRecord, maxDepth } from './json-records.ts'
import { RowReader } from './row-reader.ts'
import { createChunkScanner } from './row-scanner.ts'
import { chooseRowShape, nestList, type RowShape } from './row-shape.ts'
import { splitObject } from './split-json.ts'

/** How the text of a chunk is read. */
export interface ReadOptions extends RowReading {
  /** Inputs of the service, which give the types of a CSV's cells; undefined when rows are objects by column name. */
  readonly inputs: readonly TensorInfo[] | undefined
}

/** Replaces a row that is too large in a chunk's own text. It is not UTF-8, so no valid row equals it. */
export const tooLargeRow: Uint8Array = Buffer.from('\xffrow too large\xff', 'latin1')

type RowFault =
  | 'ROW_TOO_LARGE'
  | 'ROW_NOT_UTF8'
  | 'ROW_NOT_JSON'
  | 'ROW_IS_A_BODY'
  | 'ROW_NOT_CSV'
  | 'ROW_RAGGED'
  | 'ROW_NOT_A_NUMBER'
  | 'ROW_NOT_A_BOOL'

/** The rows of a text. */
interface RowsToRead {
  readonly rowCount: number
  /** Line of its file in which the text begins, from 1; undefined: it is not known. */
  readonly line?: number | undefined
}

/**
 * Reads the rows of one chunk. A JSON row is its own text, which is checked to be exactly one JSON value.
 *
 * @param content  the bytes of the input from `chunk.start` to `chunk.end`, or the chunk's own text
 * @returns `rowCount` rows. The messages of unreadable ones hold no values.
 * @throws InputUnreadable INPUT_COLUMNS_UNFIT; Error when the content does not belong to the chunk
 */
export async function readRows(
  content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  { rowCount, line }: RowsToRead,
  options: ReadOptions,
): Promise<Row[]> {
  const { maxRowBytes } = options
  const readRow = rowReader(options)
  const reader = new RowReader(createChunkScanner(options), 0, maxRowBytes)
  const rows: Row[] = []
  const add = (bytes: Uint8Array | undefined) => {
    const row = readRow(bytes)
    rows.push(line === undefined ? row : { ...row, line: line + reader.startLine })
  }
  for await (const piece of content) {
    reader.feed(piece)
    while (reader.next()) add(reader.row)
  }
  if (reader.finish()) add(reader.row)
  if (rows.length !== rowCount) throw new Error(`the text has ${rows.length} rows; ${rowCount} were planned`)
  return rows
}

/**
 * @returns a function that reads one row; undefined stands for one that is too large
 * @throws InputUnreadable INPUT_COLUMNS_UNFIT
 */
export function rowReader(options: ReadOptions): (bytes: Uint8Array | undefined) => Row {
  const { format, columns, maxRowBytes, missing = 'nan', dialect = {} } = options
  const shape = tableShape(options)
  const cells = fileReading(missing, dialect)
  return bytes => {
    if (!bytes || isTooLargeMark(bytes)) return failed('ROW_TOO_LARGE', `the row is larger than ${maxRowBytes} bytes`)
    if (!isUtf8(bytes)) return failed('ROW_NOT_UTF8', 'the row is not UTF-8; save the file as UTF-8')
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
    if (format !== 'csv' || !shape || !columns) return jsonRow(text, shape, options)
    return csvRow(text.toString(), { shape, columnCount: columns.length, dialect, cells })
  }
}

/**
 * The mapping from columns of a CSV, or from values of records of JSON, to rows.
 *
 * @returns undefined when rows stand in the text as the service takes them
 * @throws InputUnreadable INPUT_COLUMNS_UNFIT
 */
export function tableShape(options: ReadOptions): RowShape | undefined {
  const { format, columns, inputs, names } = options
  if (!columns) return undefined
  if (format === 'csv') return chooseRowShape(columns, inputs, options)
  // A script takes records as they are.
  return inputs || names ? chooseRowShape(columns, inputs, { ...options, isList: columns.map(() => true) }) : undefined
}

function jsonRow(
  bytes: Buffer,
  shape: RowShape | undefined,
  { inputs, names = [], missing = 'nan', takesEncrypted }: ReadOptions,
): Row {
  if (isNestedDeeper(bytes, maxDepth)) {
    return failed('ROW_NOT_JSON', `the row is nested deeper than ${maxDepth} levels`)
  }
  const json = trimmed(bytes).toString()
  try {
    const row = parseRow(json, missing)
    if (takesEncrypted && isEncryptedRow(row)) return { json, isEncrypted: true }
    const body = bodyMember(row, inputs, names)
    if (body === undefined)
      return shape && isRecord(row)
        ? recordRow(json, shape)
        : { json: inputs?.length === 1 ? nestList(json, inputs[0]) : json }
    const right = 'the list of its values, or an object of them by name'
    return failed('ROW_IS_A_BODY', `the row is an object with "${body}", like the body of a request; a row is ${right}`)
  } catch (failure) {
    if (!(failure instanceof JsonError)) throw failure
    return failed('ROW_NOT_JSON', `the row is not JSON: ${inRow(failure)}`)
  }
}

function recordRow(json: string, { cells, encodeRow }: RowShape): Row {
  const members = splitObject(json)
  const values: string[] = []
  for (const { name } of cells) {
    const value = members?.get(name)
    if (value === undefined)
      return failed('ROW_RAGGED', `the row has no "${name}", which the first row of the input has`)
    values.push(value)
  }
  return { json: encodeRow(values) }
}

/** The first line of a row is not that of the file. */
function inRow({ message }: JsonError): string {
  return message.replace(' at line 1,', ' at').replace(/ at line (\d+),/, ' in line $1 of the row, at')
}

/** Parses JSON, also with Python's NaN and Infinity if missing values are allowed. @throws JsonError */
function parseRow(json: string, missing: 'nan' | 'error'): unknown {
  try {
    return JSON.parse(json)
  } catch {
    // V8's own message quotes the row.
    return readJson(json, { takesNonFinite: missing === 'nan' })
  }
}

/** Trims JSON's white space. A regular expression would test each space inside the row. */
function trimmed(bytes: Buffer): Buffer {
  let [start, end] = [0, bytes.length]
  while (start < end && isWhiteSpace(bytes[start])) start++
  while (end > start && isWhiteSpace(bytes[end - 1])) end--
  return bytes.subarray(start, end)
}

interface CsvReading {
  readonly shape: RowShape
  readonly columnCount: number
  readonly dialect: CsvDialect
  readonly cells: FileReading
}

function csvRow(line: string, { shape, columnCount, dialect, cells: reading }: CsvReading): Row {
  const record = line.endsWith('\r') ? line.slice(0, -1) : line
  const { delimiter = ',' } = dialect
  const isPlain = shape.isNumberList && delimiter === ',' && !reading.na.hasNumbers && !reading.spelling
  if (isPlain && countNumbers(record) === columnCount) return { json: `[${record}]` }
  const cells = splitRecord(record, dialect)
  if (!cells) return failed('ROW_NOT_CSV', 'the row has text after the closing quote of a cell')
  if (cells.length !== columnCount) {
    return failed('ROW_RAGGED', `the row has ${cells.length} cell(s), the header names ${columnCount} column(s)`)
  }
  const values: string[] = []
  for (const { column, name, dtype } of shape.cells) {
    const cell = cells[column] as string
    const value = cellJson(cell, dtype, reading)
    if (value === undefined) return unfitCell(cell, name, dtype as Dtype, reading)
    values.push(value)
  }
  return { json: shape.encodeRow(values) }
}

function unfitCell(cell: string, column: string, dtype: Dtype, { na, ...reading }: FileReading): Row {
  const text = cell.trim()
  const kind = dtype === 'bool' ? 'true or false, or 1 or 0' : `a number (${dtype})`
  const found = text === '' ? 'is empty' : na.has(text) ? 'has a missing value' : 'has another value'
  const why = !na.has(text)
    ? adviceOnMarks(cell, dtype, { na, ...reading })
    : dtype.startsWith('float')
      ? '; the service takes no missing values ("missing": "error")'
      : '; only floating-point values can be missing'
  const code = dtype === 'bool' ? 'ROW_NOT_A_BOOL' : 'ROW_NOT_A_NUMBER'
  return failed(code, `column "${column}" ${found}; it must be ${kind}${why}`)
}

/** What would make a number of a cell, if marks in it are all that is in the way. */
function adviceOnMarks(cell: string, dtype: Dtype, reading: FileReading): string {
  if (dtype === 'bool') return ''
  const advice = suggestMarks(
    spelling => /\d/.test(cell) && cellJson(cell, dtype, { ...reading, spelling }) !== undefined,
  )
  return advice === undefined ? '' : `; ${advice}`
}

function failed(code: RowFault, message: string): Row {
  return { code, message }
}

function isTooLargeMark(bytes: Uint8Array): boolean {
  return bytes.length === tooLargeRow.length && Buffer.compare(bytes, tooLargeRow) === 0
}
