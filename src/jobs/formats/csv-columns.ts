import { isUtf8 } from 'node:buffer'
import type { TensorInfo } from '../../models/session/model-session.ts'
import type { CsvDialect } from '../csv-dialect.ts'
import { InputUnreadable } from '../failure.ts'
import { numberSpelling } from '../number-spelling.ts'
import { cellJson, nonFiniteWord } from './cell-json.ts'
import { splitRecord } from './csv-record.ts'
import { CsvScanner } from './csv-scanner.ts'
import { RowReader } from './row-reader.ts'
import { namedValues, namesByPosition, type TableNames } from './row-shape.ts'
import { type OpenText, openText, type TextSource } from './text-source.ts'

export interface CsvOptions extends TableNames {
  /** Inputs of the service, which the columns must fit; undefined when rows are objects by column name. */
  readonly inputs: readonly TensorInfo[] | undefined
  /** Whether the first line names the columns; undefined means true, but a line that looks like a row is refused. */
  readonly header?: boolean | undefined
  readonly dialect?: CsvDialect | undefined
}

/** The columns, and where the rows begin. */
export interface CsvHeader extends Pick<OpenText, 'offset' | 'isDecoded'> {
  readonly columns: readonly string[]
  /** Of the offset, from 1. */
  readonly line: number
}

/**
 * Reads the column names of a CSV, and the offset at which its rows begin.
 *
 * @returns undefined when the input is empty
 * @throws InputUnreadable INPUT_HAS_NO_HEADER, INPUT_COLUMNS_UNFIT, INPUT_NOT_CSV, …
 */
export async function csvColumns(source: TextSource, options: CsvOptions): Promise<CsvHeader | undefined> {
  const first = await readHeader(source, options.dialect)
  if (!first) return undefined
  const { header, inputs, fileColumns } = options
  if (header === false)
    return { columns: fileColumns ?? namesByPosition(first.columns.length, inputs, options), offset: 0, line: 1 }
  if (header === undefined && looksLikeRow(first.columns, options)) {
    throw new InputUnreadable(
      'INPUT_HAS_NO_HEADER',
      'the first line of the CSV holds numbers or missing values instead of column names; set "header": false in the input of the job if it is a row, or "header": true if these are names',
    )
  }
  return first
}

/** Whether the cells fit the numeric inputs of the service, at least one is a number or missing, and none is a known name. */
function looksLikeRow(cells: readonly string[], { inputs, names, dialect = {} }: CsvOptions): boolean {
  const spelling = numberSpelling(dialect)
  const values = inputs && inputs.length > 1 ? namedValues(inputs) : undefined
  const known = names ?? values?.map(({ name }) => name) ?? []
  const given = new Set(cells)
  if (known.some(name => given.has(name)) || (values && values.length !== cells.length)) return false
  let numberCount = 0
  for (const [index, cell] of cells.entries()) {
    // The inputs of a script are not declared, but no column is named by a number.
    const dtype = (values ? values[index]?.dtype : inputs?.[0]?.dtype) ?? 'float64'
    if (dtype === 'string') continue
    if (nonFiniteWord(cell) === undefined && cellJson(cell, dtype, { missing: 'error', spelling }) === undefined)
      return false
    numberCount++
  }
  return numberCount > 0
}

const maxHeaderBytes = 1024 ** 2

/**
 * Reads the header, and the offset at which it ends.
 *
 * @returns undefined when the input is empty
 * @throws InputUnreadable
 */
export async function readHeader(source: TextSource, dialect?: CsvDialect): Promise<CsvHeader | undefined> {
  const { pieces, offset, isDecoded } = await openText(source, 0)
  const rows = new RowReader(new CsvScanner(offset, dialect), offset, maxHeaderBytes)
  const found = () => {
    const { row, end, endLine } = rows
    return { columns: parseHeader(row, dialect), offset: end, line: 1 + endLine, ...(isDecoded && { isDecoded }) }
  }
  for await (const piece of pieces) {
    rows.feed(piece)
    if (rows.next()) return found()
    if (rows.isOpen && !rows.holdsRow) throw headerFault(`is longer than ${maxHeaderBytes} bytes`)
  }
  return rows.finish() ? found() : undefined
}

function parseHeader(header: Uint8Array | undefined, dialect?: CsvDialect): string[] {
  if (!header) throw headerFault(`is longer than ${maxHeaderBytes} bytes`)
  if (!isUtf8(header))
    throw new InputUnreadable(
      'INPUT_NOT_UTF8',
      'the CSV\'s header is not UTF-8; save the file as UTF-8 (in Excel as "CSV UTF-8")',
    )
  const text = Buffer.from(header.buffer, header.byteOffset, header.length).toString().replace(/\r$/, '')
  const columns = splitRecord(text, dialect)
  if (!columns) throw headerFault('has text after the closing quote of a name')
  const [, separator] = /^sep=(.)?$/i.exec(text) ?? []
  if (separator !== undefined)
    throw headerFault(
      `is a note for Excel ("sep="); remove the line, and set "delimiter": ${JSON.stringify(separator)} in the input of the job`,
    )
  // With the line ends of old Macs, the whole file would be one header.
  if (/\r(?!\n)/.test(text))
    throw headerFault('has a carriage return without line feed; lines must end with LF or CRLF')
  return columns.map(name => name.trim())
}

function headerFault(what: string): InputUnreadable {
  return new InputUnreadable(
    'INPUT_NOT_CSV',
    `the header of the CSV (its first line, with the names of the columns) ${what}`,
  )
}
