import { type CsvDialect, dialectBytes } from '../csv-dialect.ts'
import { InputUnreadable } from '../failure.ts'
import type { RowScanner } from './row-scanner.ts'

const [lineFeed, carriageReturn] = [0x0a, 0x0d]

/** States of the scanner in a cell. */
const cellStart = 0
const plain = 1
const quoted = 2
/** After a quote in a quoted cell, which ends the cell unless another quote follows. */
const quoteInQuoted = 3

/**
 * Rows are the records of RFC 4180: a quoted cell begins with a quote, `""` inside it is one quote, and line ends inside it belong to
 * the cell. Lines end with LF or CRLF. Empty lines are skipped.
 */
export class CsvScanner implements RowScanner {
  start = 0
  end = 0
  startLine = 0
  endLine = 0
  isOpen = false
  #piece: Buffer = Buffer.alloc(0)
  #base: number
  #at = 0
  /** Line ends before `#at`. */
  #lines = 0
  #state = cellStart
  #beginsWithReturn = false
  /** Index of the next quote at or after `#at`; the length of the piece when there is none. */
  #quoteAt = -1
  readonly #delimiter: number
  readonly #quote: number

  constructor(offset: number, dialect?: CsvDialect) {
    this.#base = offset
    const { delimiter, quote } = dialectBytes(dialect)
    this.#delimiter = delimiter
    this.#quote = quote
  }

  feed(piece: Uint8Array): void {
    this.#base += this.#piece.length
    this.#piece = Buffer.from(piece.buffer, piece.byteOffset, piece.length)
    this.#at = 0
    this.#quoteAt = -1
  }

  next(): boolean {
    const piece = this.#piece
    for (;;) {
      if (!this.isOpen) {
        for (; piece[this.#at] === lineFeed; this.#at++) this.#lines++
        if (this.#at === piece.length) return false
        this.isOpen = true
        this.start = this.#base + this.#at
        this.startLine = this.#lines
        this.#state = cellStart
        this.#beginsWithReturn = piece[this.#at] === carriageReturn
      }
      const newline = this.#endOfRecord()
      this.#at = newline < 0 ? piece.length : newline + 1
      if (newline < 0) return false
      const isRow = this.#close(newline)
      this.#lines++
      if (isRow) return true
    }
  }

  finish(): boolean {
    if (!this.isOpen) return false
    if (this.#state === quoted) {
      throw new InputUnreadable(
        'INPUT_NOT_CSV',
        `the CSV ends inside a quoted cell of the row that begins at byte ${this.start}`,
      )
    }
    return this.#close(this.#piece.length)
  }

  /** @returns false for an empty line that ends with CRLF */
  #close(at: number): boolean {
    this.isOpen = false
    this.end = this.#base + at
    this.endLine = this.#lines
    return !(this.#beginsWithReturn && this.end - this.start === 1)
  }

  /** @returns index of the line feed, or -1 */
  #endOfRecord(): number {
    const piece = this.#piece
    let newline = piece.indexOf(lineFeed, this.#at)
    if (this.#state === cellStart || this.#state === plain) {
      // Most records have no quotes and end at the next line feed.
      if (this.#quoteAt < this.#at) {
        const found = this.#quote < 0 ? -1 : piece.indexOf(this.#quote, this.#at)
        this.#quoteAt = found < 0 ? piece.length : found
      }
      if (newline >= 0 && newline < this.#quoteAt) return newline
    }
    const end = this.#walk()
    // Others are inside quoted cells.
    for (; newline >= 0 && newline !== end; newline = piece.indexOf(lineFeed, newline + 1)) this.#lines++
    return end
  }

  #walk(): number {
    const piece = this.#piece
    const [delimiter, quote] = [this.#delimiter, this.#quote]
    let state = this.#state
    for (let at = this.#at; at < piece.length; at++) {
      const byte = piece[at]
      if (state === quoted) {
        if (byte === quote) state = quoteInQuoted
      } else if (byte === lineFeed) {
        return at
      } else if (byte === delimiter) {
        state = cellStart
      } else if (byte === quote && state !== plain) {
        state = quoted
      } else {
        state = plain
      }
    }
    this.#state = state
    return -1
  }
}
