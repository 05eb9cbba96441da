import { isUtf8 } from 'node:buffer'
import { InputUnreadable } from '../failure.ts'
import { splitRecord } from './csv-record.ts'
import { CsvScanner } from './csv-scanner.ts'
import { RowReader } from './row-reader.ts'
import { openText, type TextSource } from './text-source.ts'

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
