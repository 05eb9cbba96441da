import type { PackedColumns } from '../formats/packed-columns.ts'
import type { TextPiece } from './text-cutter.ts'

/** Divides packed columns between their rows. Offsets are those of a text that is as long as it may be. */
export class PackedCutter {
  readonly #packed: PackedColumns
  #from = 0
  #end = 0

  constructor(packed: PackedColumns) {
    this.#packed = packed
  }

  get isAtEnd(): boolean {
    return this.#from === this.#packed.rowCount
  }

  /**
   * @param maxRows, maxBytes  one row may have more
   * @returns the next piece; undefined at the end
   */
  take(maxRows: number, maxBytes: number): TextPiece | undefined {
    const [from, start] = [this.#from, this.#end]
    const left = this.#packed.rowCount - from
    if (left === 0) return undefined
    let rowCount = 0
    while (rowCount < Math.min(maxRows, left)) {
      const end = this.#end + this.#packed.mostTextBytes(from + rowCount)
      if (rowCount > 0 && end - start > maxBytes) break
      this.#end = end
      rowCount++
    }
    this.#from = from + rowCount
    return { start, end: this.#end, startLine: 0, from, rowCount }
  }
}
