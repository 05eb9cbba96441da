import { createChunkScanner, type TextForm } from '../formats/row-scanner.ts'

/** Part of a text: whole rows. */
export interface TextPiece {
  /** In bytes. */
  readonly start: number
  readonly end: number
  /** Line ends before `start`. */
  readonly startLine: number
  /** Index of its first row. */
  readonly from: number
  readonly rowCount: number
}

/** Divides a text between its rows. The rest of it is not looked at once it fits. */
export class TextCutter {
  readonly #form: TextForm
  readonly #byteCount: number
  readonly #rowCount: number
  readonly #scanner: ReturnType<typeof createChunkScanner>
  #isFed: boolean
  readonly #text: Uint8Array
  #from = 0
  #end = 0
  #endLine = 0

  constructor(text: Uint8Array, rowCount: number, form: TextForm) {
    this.#form = form
    this.#text = text
    this.#byteCount = text.byteLength
    this.#rowCount = rowCount
    this.#scanner = createChunkScanner(form)
    this.#isFed = false
  }

  get isAtEnd(): boolean {
    return this.#from === this.#rowCount
  }

  /**
   * @param maxRows, maxBytes  one row may have more
   * @returns the next piece; undefined at the end
   * @throws Error when the text has fewer rows than it should have
   */
  take(maxRows: number, maxBytes: number): TextPiece | undefined {
    if (this.isAtEnd) return undefined
    const from = this.#from
    const left = this.#rowCount - from
    const isRest = left <= maxRows && this.#byteCount - this.#end <= maxBytes
    // The rest of a JSON array begins with a comma.
    if (isRest && (this.#form.format !== 'json' || from === 0)) {
      this.#from = this.#rowCount
      return { start: this.#end, end: this.#byteCount, startLine: this.#endLine, from, rowCount: left }
    }
    let start = -1
    let startLine = 0
    let count = 0
    while (count < Math.min(maxRows, left)) {
      this.#findNext()
      if (start < 0) {
        start = this.#scanner.start
        startLine = this.#scanner.startLine
      }
      count++
      this.#end = this.#scanner.end
      this.#endLine = this.#scanner.endLine
      if (this.#end - start >= maxBytes) break
    }
    this.#from = from + count
    return { start, end: this.#end, startLine, from, rowCount: count }
  }

  #findNext(): void {
    if (!this.#isFed) this.#scanner.feed(this.#text)
    this.#isFed = true
    if (this.#scanner.next() || this.#scanner.finish()) return
    throw new Error(`the text has fewer than the ${this.#rowCount} rows that were planned`)
  }
}
