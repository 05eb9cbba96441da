import type { PlanCursor, PlannedChunk } from './planned-chunk.ts'
import { InputUnreadable } from './planned-chunk.ts'
import { RowCutter } from './row-cutter.ts'
import type { RowScanner } from './row-scanner.ts'

export type NextChunk = PlannedChunk & { readonly next: PlanCursor }

export interface ChunkLimits {
  /** Rows of a chunk. */
  readonly miniBatchSize: number
  /** A chunk ends with the row that brings its text to this size. */
  readonly maxChunkBytes: number
}

/** Stands for a row that is too large in a chunk's own text. Not UTF-8, so no row that can be read is taken for it. */
export const tooLargeRow = Buffer.from('\xffrow too large\xff', 'latin1')

/**
 * Cuts a text into chunks of whole rows. Looks at each byte once and makes nothing per row, unless the text is kept.
 *
 * @param rows  a scanner, or a cutter: then each chunk carries its text, one row a line
 * @param separator  between rows of that text
 */
export async function* planText(
  pieces: AsyncIterable<Uint8Array>,
  rows: RowScanner | RowCutter,
  separator: string,
  limits: ChunkLimits,
  cursor: PlanCursor,
): AsyncGenerator<NextChunk> {
  const chunk = new OpenChunk(rows, Buffer.from(separator), limits, cursor)
  try {
    for await (const piece of pieces) {
      rows.feed(piece)
      while (rows.next()) if (chunk.add()) yield chunk.close()
    }
    if (rows.finish()) chunk.add()
  } catch (failure) {
    // What was read before the fault is as good as ever.
    if (failure instanceof InputUnreadable && chunk.rowCount > 0) yield chunk.close()
    throw failure
  }
  if (chunk.rowCount > 0) yield chunk.close()
}

class OpenChunk {
  rowCount = 0
  #start = 0
  #text: Uint8Array[] = []
  readonly #rows: RowScanner | RowCutter
  readonly #cutter: RowCutter | undefined
  readonly #separator: Uint8Array
  readonly #limits: ChunkLimits
  #cursor: PlanCursor

  constructor(rows: RowScanner | RowCutter, separator: Uint8Array, limits: ChunkLimits, cursor: PlanCursor) {
    this.#rows = rows
    this.#cutter = rows instanceof RowCutter ? rows : undefined
    this.#separator = separator
    this.#limits = limits
    this.#cursor = cursor
  }

  /** Takes the row that was found. @returns whether the chunk is full */
  add(): boolean {
    const { start, end } = this.#rows
    if (this.rowCount++ === 0) this.#start = start
    else if (this.#cutter) this.#text.push(this.#separator)
    if (this.#cutter) this.#text.push(this.#cutter.row ?? tooLargeRow)
    return this.rowCount === this.#limits.miniBatchSize || end - this.#start >= this.#limits.maxChunkBytes
  }

  close(): NextChunk {
    const { chunk, row } = this.#cursor
    const [start, end, rowCount] = [this.#start, this.#rows.end, this.rowCount]
    // A row's end is where the line end or comma stands, at which every scanner can begin.
    this.#cursor = { ...this.#cursor, chunk: chunk + 1, row: row + rowCount, offset: end }
    const content = this.#cutter && { content: Buffer.concat(this.#text) }
    this.rowCount = 0
    this.#text = []
    return { chunk, firstRow: row, rowCount, start, end, ...content, next: this.#cursor }
  }
}
