import { isUtf8 } from 'node:buffer'
import type { TensorInfo } from '../../models/session/model-session.ts'
import { InputUnreadable } from '../failure.ts'
import { cellJson, nonFiniteWord } from './cell-json.ts'
import { splitRecord } from './csv-record.ts'
import { CsvScanner } from './csv-scanner.ts'
import { RowReader } from './row-reader.ts'
import { namedValues, namesByPosition, type TableNames } from './row-shape.ts'
import { openText, type TextSource } from './text-source.ts'

export interface CsvOptions extends TableNames {
  /** What the service takes, against which the columns are checked; undefined: objects by column name. */
  readonly inputs: readonly TensorInfo[] | undefined
  /** Whether the first line names the columns; undefined: it has to, and must not look like a row. */
  readonly header?: boolean | undefined
}

/**
 * What the columns of a CSV are called, and where its rows begin.
 *
 * @returns undefined: the input is empty
 * @throws InputUnreadable INPUT_HAS_NO_HEADER, INPUT_COLUMNS_UNFIT, INPUT_NOT_CSV, …
 */
export async function csvColumns(
  source: TextSource,
  options: CsvOptions,
): Promise<{ columns: readonly string[]; offset: number } | undefined> {
  const first = await readHeader(source)
  if (!first) return undefined
  const { header, inputs, fileColumns } = options
  if (header === false)
    return { columns: fileColumns ?? namesByPosition(first.columns.length, inputs, options), offset: 0 }
  if (header === undefined && looksLikeRow(first.columns, options)) {
    throw new InputUnreadable(
      'INPUT_HAS_NO_HEADER',
      'the first line of the CSV looks like a row: it has numbers or missing values where names of columns are due; say "header": false in the input of the job if it is one, "header": true if these are names',
    )
  }
  return first
}

/** Numbers or missing values where the service takes numbers, one at least, and no name that it knows. */
function looksLikeRow(cells: readonly string[], { inputs, names }: CsvOptions): boolean {
  const places = inputs && inputs.length > 1 ? namedValues(inputs) : undefined
  const known = names ?? places?.map(({ name }) => name) ?? []
  const given = new Set(cells)
  if (known.some(name => given.has(name)) || (places && places.length !== cells.length)) return false
  let values = 0
  for (const [index, cell] of cells.entries()) {
    // What a script takes is not declared; but whatever it is called, that is no number.
    const dtype = (places ? places[index]?.dtype : inputs?.[0]?.dtype) ?? 'float64'
    if (dtype === 'string') continue
    if (nonFiniteWord(cell) === undefined && cellJson(cell, dtype, 'error') === undefined) return false
    values++
  }
  return values > 0
}

const maxHeaderBytes = 1024 ** 2

/**
 * The names of the columns, and where the header ends.
 *
 * @returns undefined: the input is empty
 * @throws InputUnreadable
 */
export async function readHeader(source: TextSource): Promise<{ columns: string[]; offset: number } | undefined> {
  const { pieces, offset } = await openText(source, 0)
  const rows = new RowReader(new CsvScanner(offset), offset, maxHeaderBytes)
  for await (const piece of pieces) {
    rows.feed(piece)
    if (rows.next()) return { columns: namesIn(rows.row), offset: rows.end }
    if (rows.isOpen && !rows.holdsRow) throw headerFault(`is longer than ${maxHeaderBytes} bytes`)
  }
  return rows.finish() ? { columns: namesIn(rows.row), offset: rows.end } : undefined
}

function namesIn(header: Uint8Array | undefined): string[] {
  if (!header) throw headerFault(`is longer than ${maxHeaderBytes} bytes`)
  if (!isUtf8(header)) throw new InputUnreadable('INPUT_NOT_UTF8', "the CSV's header is not UTF-8")
  const text = Buffer.from(header.buffer, header.byteOffset, header.length).toString().replace(/\r$/, '')
  const columns = splitRecord(text)
  if (!columns) throw headerFault('has text after the closing quote of a name')
  // Lines of old Macs would make the whole file one header.
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
