import type { RowScanner } from './row-scanner.ts'

/** A scanner that also returns the bytes of each row. It holds at most one row, and never one that is too large. */
export class RowReader implements RowScanner {
  readonly #scanner: RowScanner
  readonly #maxRowBytes: number
  #piece: Uint8Array = new Uint8Array()
  /** Offset of the piece in the text. */
  #base: number
  /** Parts of the open row that were in earlier pieces. */
  #held: Uint8Array[] = []
  /** The last row that was found; undefined when it is larger than `maxRowBytes`. */
  row: Uint8Array | undefined

  /** @param offset  offset of the first piece in the text */
  constructor(scanner: RowScanner, offset: number, maxRowBytes: number) {
    this.#scanner = scanner
    this.#base = offset
    this.#maxRowBytes = maxRowBytes
  }

  get start(): number {
    return this.#scanner.start
  }

  get end(): number {
    return this.#scanner.end
  }

  get startLine(): number {
    return this.#scanner.startLine
  }

  get endLine(): number {
    return this.#scanner.endLine
  }

  get isOpen(): boolean {
    return this.#scanner.isOpen
  }

  /** False when the open row is already too large. */
  get holdsRow(): boolean {
    return this.#held.length > 0
  }

  feed(piece: Uint8Array): void {
    this.#base += this.#piece.length
    this.#piece = piece
    this.#scanner.feed(piece)
  }

  next(): boolean {
    if (this.#scanner.next()) {
      this.#take()
      return true
    }
    if (this.isOpen) this.#hold()
    return false
  }

  finish(): boolean {
    // The last piece is already held.
    this.#base += this.#piece.length
    this.#piece = new Uint8Array()
    if (!this.#scanner.finish()) return false
    this.#take()
    return true
  }

  #take(): void {
    const { start, end } = this.#scanner
    this.#dropBefore(start)
    const last = this.#piece.subarray(Math.max(start - this.#base, 0), Math.max(end - this.#base, 0))
    const isTooLarge = end - start > this.#maxRowBytes
    this.row = isTooLarge ? undefined : this.#held.length === 0 ? last : Buffer.concat([...this.#held, last])
    this.#held = []
  }

  #hold(): void {
    const { start } = this.#scanner
    this.#dropBefore(start)
    const isTooLarge = this.#base + this.#piece.length - start > this.#maxRowBytes
    if (isTooLarge) this.#held = []
    else this.#held.push(this.#piece.subarray(Math.max(start - this.#base, 0)))
  }

  /** Drops held bytes of an empty line that began like a row. */
  #dropBefore(start: number): void {
    if (start >= this.#base) this.#held = []
  }
}
