import type { RowScanner } from './row-scanner.ts'

const lineFeed = 0x0a

/** Spaces, tabs and carriage returns alone do not make a row; neither do they belong to one that they precede. */
function isBlank(byte: number | undefined): boolean {
  return byte === 0x20 || byte === lineFeed || byte === 0x0d || byte === 0x09
}

/** Rows are the lines that are not blank (jsonlines.org). */
export class JsonLinesScanner implements RowScanner {
  start = 0
  end = 0
  isOpen = false
  #piece: Buffer = Buffer.alloc(0)
  /** Where in the text the piece begins. */
  #base: number
  #at = 0

  constructor(offset: number) {
    this.#base = offset
  }

  feed(piece: Uint8Array): void {
    this.#base += this.#piece.length
    this.#piece = Buffer.from(piece.buffer, piece.byteOffset, piece.length)
    this.#at = 0
  }

  next(): boolean {
    const piece = this.#piece
    let at = this.#at
    if (!this.isOpen) {
      while (isBlank(piece[at])) at++
      this.#at = at
      if (at === piece.length) return false
      this.isOpen = true
      this.start = this.#base + at
    }
    const newline = piece.indexOf(lineFeed, at)
    if (newline < 0) {
      this.#at = piece.length
      return false
    }
    this.end = this.#base + newline
    this.#at = newline + 1
    this.isOpen = false
    return true
  }

  finish(): boolean {
    if (!this.isOpen) return false
    this.end = this.#base + this.#piece.length
    this.isOpen = false
    return true
  }
}
