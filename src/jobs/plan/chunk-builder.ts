import type { ChunkSize } from '../chunk-size.ts'
import { tooLargeRow } from '../formats/read-rows.ts'
import type { PlanCursor, PlannedChunk } from '../plan-parts.ts'

export type NextChunk = PlannedChunk & {
  readonly next: PlanCursor
  /** See `PlanOptions.keepsText`. */
  readonly text?: readonly Uint8Array[]
}

/** The text that chunks have of their own. */
interface OwnText {
  /** Between two rows. */
  readonly separator: string
  /** Makes of a row what may be kept; absent: all of it. */
  readonly keep?: ((row: Uint8Array) => Uint8Array) | undefined
}

/** Collects rows into chunks, one after the other. */
export class ChunkBuilder {
  #rowCount = 0
  #start = 0
  #end = 0
  #text: Uint8Array[] = []
  #cursor: PlanCursor
  readonly #size: ChunkSize
  readonly #separator: Uint8Array | undefined
  readonly #keep: OwnText['keep']

  /** @param ownText  undefined when chunks have no text of their own */
  constructor(size: ChunkSize, cursor: PlanCursor, ownText: OwnText | undefined) {
    this.#size = size
    this.#cursor = cursor
    this.#separator = ownText && Buffer.from(ownText.separator)
    this.#keep = ownText?.keep
  }

  get hasRows(): boolean {
    return this.#rowCount > 0
  }

  /** Sets the names of the values of the rows, if they are records, and the types of some. */
  name(columns: readonly string[], types: NonNullable<PlanCursor['types']>): void {
    this.#cursor = { ...this.#cursor, columns, types }
  }

  /**
   * @param start  where the row begins in the text, in bytes
   * @param row  bytes of the row for the chunk's own text; undefined when the row is too large
   * @returns whether the chunk is full
   */
  add(start: number, end: number, row: Uint8Array | undefined): boolean {
    if (this.#rowCount === 0) this.#start = start
    if (this.#separator) {
      if (this.#rowCount > 0) this.#text.push(this.#separator)
      this.#text.push(row ? (this.#keep?.(row) ?? row) : tooLargeRow)
    }
    this.#rowCount++
    this.#end = end
    return this.#rowCount === this.#size.miniBatchSize || end - this.#start >= this.#size.maxChunkBytes
  }

  close(): NextChunk {
    const { chunk, row } = this.#cursor
    const [start, end, rowCount] = [this.#start, this.#end, this.#rowCount]
    // A row ends at a line end or comma, where every scanner can begin.
    this.#cursor = { ...this.#cursor, chunk: chunk + 1, row: row + rowCount, offset: end }
    const content = this.#separator && { content: Buffer.concat(this.#text) }
    this.#rowCount = 0
    this.#text = []
    return { chunk, firstRow: row, rowCount, start, end, ...content, next: this.#cursor }
  }
}
