/** Columns of the input that are copied to the output, so that its lines can be joined to other tables. */
import { isUtf8 } from 'node:buffer'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { encodeString } from '../../tensor/python-json-elements.ts'
import { splitRecord } from '../formats/csv-record.ts'
import { RowReader } from '../formats/row-reader.ts'
import { createChunkScanner, type RowScanner } from '../formats/row-scanner.ts'
import type { OutputFormat } from '../spec.ts'
import { quoted, type ResultLines } from './result-lines.ts'

/** Text of CSV records without their header. */
export interface IncludedSource {
  readonly pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>
  /** Columns of the CSV, from left to right. */
  readonly columns: readonly string[]
  readonly maxRowBytes: number
}

interface Included {
  readonly format: OutputFormat
  readonly include: readonly string[]
  /** Rows of the lines; undefined: they cannot be read. */
  readonly source: IncludedSource | undefined
}

/** Callers over HTTP have their turn after so many rows. */
const rowsPerTurn = 1000
const comma = ','.charCodeAt(0)

/** Writes columns of the input into lines, behind the index of each row. */
export async function includeColumns(
  results: ResultLines,
  { format, include, source }: Included,
): Promise<ResultLines> {
  const writer = new IncludedWriter(results, format, include)
  if (!source) for (let row = 0; row < results.rowCount; row++) writer.add(undefined)
  let count = 0
  for await (const cells of source ? includedCells(source, include) : []) {
    writer.add(cells)
    if (++count % rowsPerTurn === 0) await nextTurn()
  }
  return writer.finish()
}

class IncludedWriter {
  readonly #results: ResultLines
  readonly #format: OutputFormat
  readonly #include: readonly string[]
  readonly #text: Buffer
  readonly #lines: RowScanner
  readonly #written: Uint8Array[] = []
  #count = 0

  constructor(results: ResultLines, format: OutputFormat, include: readonly string[]) {
    this.#results = results
    this.#format = format
    this.#include = include
    this.#text = Buffer.concat(results.lines)
    this.#lines = createChunkScanner(format)
    this.#lines.feed(this.#text)
  }

  /** Writes the next line, with these cells. */
  add(cells: readonly string[] | undefined): void {
    const [text, lines] = [this.#text, this.#lines]
    if (!lines.next()) throw new Error('the text of a chunk has more rows than results')
    const behindIndex = text.indexOf(comma, lines.start) + 1
    const included = (this.#format === 'csv' ? csvCells : jsonCells)(this.#include, cells)
    const [begin, end] = [text.subarray(lines.start, behindIndex), text.subarray(behindIndex, lines.end + 1)]
    this.#written.push(begin, Buffer.from(included), end)
    this.#count++
  }

  finish(): ResultLines {
    const { rowCount } = this.#results
    if (this.#count !== rowCount) throw new Error(`the text of a chunk has ${this.#count} rows, not ${rowCount}`)
    return { ...this.#results, lines: this.#written }
  }
}

/** @returns the cells of each row, in the order of `include`; undefined for rows that are no record of these columns */
async function* includedCells(
  { pieces, columns, maxRowBytes }: IncludedSource,
  include: readonly string[],
): AsyncGenerator<readonly string[] | undefined> {
  const places = include.map(name => columns.indexOf(name))
  const reader = new RowReader(createChunkScanner('csv'), 0, maxRowBytes)
  const read = (row: Uint8Array | undefined) => {
    if (!row || !isUtf8(row)) return undefined
    const record = Buffer.from(row.buffer, row.byteOffset, row.length).toString().replace(/\r$/, '')
    const cells = splitRecord(record)
    return cells?.length === columns.length ? places.map(place => cells[place] as string) : undefined
  }
  for await (const piece of pieces) {
    reader.feed(piece)
    while (reader.next()) yield read(reader.row)
  }
  if (reader.finish()) yield read(reader.row)
}

function csvCells(include: readonly string[], cells: readonly string[] | undefined): string {
  return include.map((_, at) => `${quoted(cells?.[at] ?? '')},`).join('')
}

function jsonCells(include: readonly string[], cells: readonly string[] | undefined): string {
  const members = include.map((name, at) => {
    const cell = cells?.[at]
    return `${encodeString(name)}: ${cell === undefined ? 'null' : encodeString(cell)}`
  })
  return ` "columns": {${members.join(', ')}},`
}
