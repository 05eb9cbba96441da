/** Columns of the input that are copied to the output, so that its lines can be joined to other tables. */
import { encodeString } from '../../tensor/python-json-elements.ts'
import { createChunkScanner, type RowScanner } from '../formats/row-scanner.ts'
import type { LineForm } from '../line-form.ts'
import { type IncludedCells, type IncludedSource, includedCells } from './included-cells.ts'
import { pauseEach } from './pause.ts'
import { oneLine, plainText } from './prediction-cells.ts'
import { quoted, type ResultLines } from './result-lines.ts'

interface Included {
  readonly form: Pick<LineForm, 'format'>
  readonly include: readonly string[]
  /** Rows of the lines; undefined: they cannot be read. */
  readonly source: IncludedSource | undefined
}

/** Callers over HTTP have their turn after so many rows. */
const rowsPerTurn = 1000
const comma = ','.charCodeAt(0)

/** Writes columns of the input into lines, behind the index of each row. */
export async function includeColumns(results: ResultLines, { form, include, source }: Included): Promise<ResultLines> {
  const writer = new IncludedWriter(results, { form, include, isText: source?.format === 'csv' })
  if (!source) for (let row = 0; row < results.rowCount; row++) writer.add([])
  else for await (const cells of pauseEach(rowsPerTurn, includedCells(source, include))) writer.add(cells)
  return writer.finish()
}

interface WrittenCells {
  readonly form: Pick<LineForm, 'format'>
  readonly include: readonly string[]
  /** The cells stand in a CSV; otherwise they are JSON. */
  readonly isText: boolean
}

class IncludedWriter {
  readonly #results: ResultLines
  readonly #write: (cells: IncludedCells) => string
  readonly #text: Buffer
  readonly #lines: RowScanner
  readonly #written: Uint8Array[] = []
  #count = 0

  constructor(results: ResultLines, written: WrittenCells) {
    this.#results = results
    this.#write = written.form.format === 'csv' ? csvWriter(written) : jsonWriter(written)
    this.#text = Buffer.concat(results.lines)
    this.#lines = createChunkScanner(written.form)
    this.#lines.feed(this.#text)
  }

  /** Writes the next line, with these cells. */
  add(cells: IncludedCells): void {
    const [text, lines] = [this.#text, this.#lines]
    if (!lines.next()) throw new Error('the text of a chunk has more rows than results')
    const behindIndex = text.indexOf(comma, lines.start) + 1
    const [begin, end] = [text.subarray(lines.start, behindIndex), text.subarray(behindIndex, lines.end + 1)]
    this.#written.push(begin, Buffer.from(this.#write(cells)), end)
    this.#count++
  }

  finish(): ResultLines {
    const { rowCount } = this.#results
    if (this.#count !== rowCount) throw new Error(`the text of a chunk has ${this.#count} rows, not ${rowCount}`)
    return { ...this.#results, lines: this.#written }
  }
}

function csvWriter({ include, isText }: WrittenCells): (cells: IncludedCells) => string {
  const write = isText ? quoted : (json: string) => (json === 'null' ? '' : quoted(plainText(json)))
  return cells => include.map((_, at) => `${write(cells[at] ?? '')},`).join('')
}

function jsonWriter({ include, isText }: WrittenCells): (cells: IncludedCells) => string {
  // Python's words for numbers that are not finite are no JSON.
  const write = isText ? encodeString : (json: string) => (/^-?[NI]/.test(json) ? 'null' : oneLine(json))
  const names = include.map(name => `${encodeString(name)}: `)
  return cells => {
    const members = names.map((name, at) => {
      const cell = cells[at]
      return name + (cell === undefined ? 'null' : write(cell))
    })
    return ` "columns": {${members.join(', ')}},`
  }
}
