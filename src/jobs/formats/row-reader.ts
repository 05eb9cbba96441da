import type { RowScanner } from './row-scanner.ts'

/** A scanner that also hands out each row's bytes; holds one row at most, and never one that is too large. */
export class RowReader implements RowScanner {
  readonly #scanner: RowScanner
  readonly #maxRowBytes: number
  #piece: Uint8Array = new Uint8Array()
  /** Where in the text the piece begins. */
  #base: number
  /** The open row as far as it is in earlier pieces. */
  #held: Uint8Array[] = []
  /** The row that was found last; undefined: it is larger than `maxRowBytes`. */
  row: Uint8Array | undefined

  /** @param offset  where in the text the first piece begins */
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

  get isOpen(): boolean {
    return this.#scanner.isOpen
  }

  /** False of an open row: it is too large already. */
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
      this.#cut()
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
    this.#cut()
    return true
  }

  #cut(): void {
    const { start, end } = this.#scanner
    this.#forgetBefore(start)
    const last = this.#piece.subarray(Math.max(start - this.#base, 0), Math.max(end - this.#base, 0))
    const isTooLarge = end - start > this.#maxRowBytes
    this.row = isTooLarge ? undefined : this.#held.length === 0 ? last : Buffer.concat([...this.#held, last])
    this.#held = []
  }

  #hold(): void {
    const { start } = this.#scanner
    this.#forgetBefore(start)
    const isTooLarge = this.#base + this.#piece.length - start > this.#maxRowBytes
    if (isTooLarge) this.#held = []
    else this.#held.push(this.#piece.subarray(Math.max(start - this.#base, 0)))
  }

  /** What was held may have been an empty line that began like a row. */
  #forgetBefore(start: number): void {
    if (start >= this.#base) this.#held = []
  }
}
