import type { RowScanner } from './row-scanner.ts'

const lineFeed = 0x0a

/** JSON's white space (RFC 8259, section 2). */
export function isWhiteSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === lineFeed || byte === 0x0d || byte === 0x09
}

/** Rows are the non-blank lines (jsonlines.org), without the white space before them. */
export class JsonLinesScanner implements RowScanner {
  start = 0
  end = 0
  startLine = 0
  endLine = 0
  isOpen = false
  #piece: Buffer = Buffer.alloc(0)
  /** Offset of the piece in the text. */
  #base: number
  #at = 0
  /** Line ends before `#at`. */
  #lines = 0

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
      for (; isWhiteSpace(piece[at]); at++) if (piece[at] === lineFeed) this.#lines++
      this.#at = at
      if (at === piece.length) return false
      this.isOpen = true
      this.start = this.#base + at
      this.startLine = this.#lines
    }
    const newline = piece.indexOf(lineFeed, at)
    if (newline < 0) {
      this.#at = piece.length
      return false
    }
    this.end = this.#base + newline
    this.endLine = this.#lines++
    this.#at = newline + 1
    this.isOpen = false
    return true
  }

  finish(): boolean {
    if (!this.isOpen) return false
    this.end = this.#base + this.#piece.length
    this.endLine = this.#lines
    this.isOpen = false
    return true
  }
}
