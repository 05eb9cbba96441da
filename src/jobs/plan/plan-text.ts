import { InputUnreadable } from '../failure.ts'
import { RowReader } from '../formats/row-reader.ts'
import type { RowScanner } from '../formats/row-scanner.ts'
import type { PlanCursor } from '../planned-chunk.ts'
import { ChunkBuilder, type ChunkLimits, type NextChunk } from './chunk-builder.ts'

export interface TextPlan {
  /** Separates rows in the chunks' own text. */
  readonly separator: string
  readonly limits: ChunkLimits
  readonly cursor: PlanCursor
}

/**
 * Divides a text into chunks of whole rows. Reads each byte once, and allocates nothing per row unless `rows` is a reader.
 *
 * @param rows  a scanner, or a reader: then each chunk has its own text
 */
export async function* planText(
  pieces: AsyncIterable<Uint8Array>,
  rows: RowScanner | RowReader,
  { separator, limits, cursor }: TextPlan,
): AsyncGenerator<NextChunk> {
  const reader = rows instanceof RowReader ? rows : undefined
  const chunk = new ChunkBuilder(limits, cursor, reader && separator)
  try {
    for await (const piece of pieces) {
      rows.feed(piece)
      while (rows.next()) if (chunk.add(rows.start, rows.end, reader?.row)) yield chunk.close()
    }
    if (rows.finish()) chunk.add(rows.start, rows.end, reader?.row)
  } catch (failure) {
    // Rows before the fault are valid.
    if (failure instanceof InputUnreadable && chunk.hasRows) yield chunk.close()
    throw failure
  }
  if (chunk.hasRows) yield chunk.close()
}
