import type { ChunkSize } from '../chunk-size.ts'
import { tooLargeRow } from '../formats/read-rows.ts'
import type { RowScanner } from '../formats/row-scanner.ts'
import type { PlanCursor, PlannedChunk } from '../plan-parts.ts'

const lineFeed = 0x0a

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

/** Where a row stands in the text, see `RowScanner`. */
type FoundRow = Pick<RowScanner, 'start' | 'end'> & Partial<Pick<RowScanner, 'startLine' | 'endLine'>>

/** So many lines without a row are kept in a chunk's own text. */
const maxEmptyLines = 64 * 1024

/** Collects rows into chunks, one after the other. */
export class ChunkBuilder {
  #rowCount = 0
  #start = 0
  #end = 0
  #startLine = 0
  #endLine = 0
  #text: Uint8Array[] = []
  /** Where the chunk's own text ends, if its lines are those of the input. */
  #textLine = 0
  #cursor: PlanCursor
  readonly #size: ChunkSize
  readonly #separator: Uint8Array | undefined
  readonly #keep: OwnText['keep']
  /** Of the first byte that is scanned, from 1. */
  readonly #firstLine: number | undefined

  /** @param ownText  undefined when chunks have no text of their own */
  constructor(size: ChunkSize, cursor: PlanCursor, ownText: OwnText | undefined) {
    this.#size = size
    this.#cursor = cursor
    this.#separator = ownText && Buffer.from(ownText.separator)
    this.#keep = ownText?.keep
    this.#firstLine = cursor.line
  }

  get hasRows(): boolean {
    return this.#rowCount > 0
  }

  /** Sets the names of the values of the rows, if they are records, and the types of some. */
  name(columns: readonly string[], types: NonNullable<PlanCursor['types']>): void {
    this.#cursor = { ...this.#cursor, columns, types }
  }

  /** Whether the row has to begin a chunk, because more lines are empty before it than the text of a chunk may keep. */
  isFarFrom({ startLine = 0 }: FoundRow): boolean {
    return this.#separator !== undefined && this.hasRows && startLine - this.#textLine > maxEmptyLines
  }

  /**
   * @param row  bytes of the row for the chunk's own text; undefined when the row is too large
   * @returns whether the chunk is full
   */
  add(found: FoundRow, row: Uint8Array | undefined): boolean {
    const { start, end, startLine = 0, endLine = 0 } = found
    if (this.#rowCount === 0) {
      this.#start = start
      this.#startLine = startLine
    }
    if (this.#separator) this.#addText(this.#separator, found, row)
    this.#rowCount++
    this.#end = end
    this.#endLine = endLine
    return this.#rowCount === this.#size.miniBatchSize || end - this.#start >= this.#size.maxChunkBytes
  }

  /** Its lines have the same distances as in the input. */
  #addText(separator: Uint8Array, { startLine = 0, endLine = 0 }: FoundRow, row: Uint8Array | undefined): void {
    const kept = row ? (this.#keep?.(row) ?? row) : tooLargeRow
    if (this.#rowCount > 0) {
      this.#text.push(separator)
      const lines = startLine - this.#textLine - (separator[0] === lineFeed ? 1 : 0)
      if (lines > 0) this.#text.push(Buffer.alloc(lines, lineFeed))
    }
    this.#text.push(kept)
    // What stands in place of a row is one line.
    this.#textLine = kept === row ? endLine : startLine
  }

  close(): NextChunk {
    const { chunk, row } = this.#cursor
    const line = this.#firstLine
    const [start, end, rowCount] = [this.#start, this.#end, this.#rowCount]
    // A row ends at a line end or comma, where every scanner can begin.
    const after = { chunk: chunk + 1, row: row + rowCount, offset: end }
    this.#cursor = { ...this.#cursor, ...after, ...(line !== undefined && { line: line + this.#endLine }) }
    const content = this.#separator && { content: Buffer.concat(this.#text) }
    const firstLine = line !== undefined && { line: line + this.#startLine }
    this.#rowCount = 0
    this.#text = []
    return { chunk, firstRow: row, rowCount, start, end, ...firstLine, ...content, next: this.#cursor }
  }
}
