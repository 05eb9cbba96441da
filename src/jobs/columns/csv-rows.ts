import { isAscii } from 'node:buffer'
import { type CsvDialect, dialectBytes } from '../csv-dialect.ts'
import { type FileReading, fileReading } from '../formats/cell-json.ts'
import { NumberText } from './number-text.ts'
import type { StraightRead } from './row-columns.ts'
import type { RowTarget } from './row-target.ts'

const [space, carriageReturn] = [0x20, 0x0d]

interface CsvReading {
  readonly missing: 'nan' | 'error'
  readonly dialect?: CsvDialect | undefined
}

/**
 * Reads records of a CSV into tensors.
 *
 * @param targets  for each column of the file; undefined: the column is not taken
 */
export function csvRows(bytes: Buffer, targets: readonly (RowTarget | undefined)[], reading: CsvReading): StraightRead {
  const reader = new CsvRowReader(bytes, targets, reading)
  return (start, end, row) => reader.read(start, end, row)
}

/** A class, because a closure for each text would be a call that the compiler does not know. */
class CsvRowReader {
  readonly #bytes: Buffer
  readonly #targets: readonly (RowTarget | undefined)[]
  readonly #reading: FileReading
  readonly #mayBeMissing: boolean
  readonly #isSpelledAsJson: boolean
  readonly #delimiter: number
  readonly #quote: number
  readonly #number: NumberText
  readonly #encoding: 'latin1' | 'utf8'

  constructor(bytes: Buffer, targets: readonly (RowTarget | undefined)[], { missing, dialect = {} }: CsvReading) {
    this.#bytes = bytes
    this.#targets = targets
    const { delimiter, quote } = dialectBytes(dialect)
    this.#delimiter = delimiter
    this.#quote = quote
    this.#reading = fileReading(missing, dialect)
    this.#isSpelledAsJson = !this.#reading.spelling
    this.#mayBeMissing = this.#reading.na.hasNumbers
    this.#number = new NumberText(bytes)
    this.#encoding = isAscii(bytes) ? 'latin1' : 'utf8'
  }

  read(start: number, recordEnd: number, row: number): boolean {
    const bytes = this.#bytes
    const targets = this.#targets
    const last = targets.length - 1
    const end = bytes[recordEnd - 1] === carriageReturn ? recordEnd - 1 : recordEnd
    let at = start
    for (let column = 0; column <= last; column++) {
      at = this.#readCell(targets[column], at, end, row)
      if (at < 0) return false
      if (column === last) break
      if (at >= end) return false
      at++
    }
    return at === end
  }

  /** @returns the end of a cell that was stored; -1 where it was not */
  #readCell(target: RowTarget | undefined, start: number, end: number, row: number): number {
    if (!target || target.kind === 'string' || target.kind === 'bool' || !this.#isSpelledAsJson)
      return this.#readText(target, start, end, row)
    const bytes = this.#bytes
    const number = this.#number
    let at = start
    while (bytes[at] === space) at++
    at = number.read(at)
    if (at < 0) return this.#readText(target, start, end, row)
    while (bytes[at] === space) at++
    if (at !== end && bytes[at] !== this.#delimiter) return this.#readText(target, start, end, row)
    if (this.#mayBeMissing && this.#reading.na.hasNumber(number.value)) return this.#readText(target, start, end, row)
    return target.storeNumber(row, number.value) ? at : -1
  }

  #readText(target: RowTarget | undefined, start: number, end: number, row: number): number {
    const bytes = this.#bytes
    const delimiter = this.#delimiter
    const quote = this.#quote
    if (bytes[start] !== quote || start === end) {
      let at = start
      while (at < end && bytes[at] !== this.#delimiter) at++
      return this.#store(target, row, start, at) ? at : -1
    }
    const closing = bytes.indexOf(quote, start + 1)
    const next = closing + 1
    // Doubled quotes, and what is no CSV.
    if (closing < 0 || closing >= end || (next < end && bytes[next] !== delimiter)) return -1
    return this.#store(target, row, start + 1, closing) ? next : -1
  }

  #store(target: RowTarget | undefined, row: number, start: number, end: number): boolean {
    return !target || target.storeText(row, this.#bytes.toString(this.#encoding, start, end), this.#reading)
  }
}
