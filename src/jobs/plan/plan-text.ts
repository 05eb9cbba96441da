import { InputUnreadable } from '../failure.ts'
import { RowReader } from '../formats/row-reader.ts'
import type { RowScanner } from '../formats/row-scanner.ts'
import type { PlanCursor } from '../planned-chunk.ts'
import { ChunkBuilder, type ChunkLimits, type NextChunk } from './chunk-builder.ts'

/**
 * Cuts a text into chunks of whole rows. Looks at each byte once and makes nothing per row, unless the text is kept.
 *
 * @param rows  a scanner, or a cutter: then each chunk carries its text
 * @param separator  between rows of that text
 */
export async function* planText(
  pieces: AsyncIterable<Uint8Array>,
  rows: RowScanner | RowReader,
  separator: string,
  limits: ChunkLimits,
  cursor: PlanCursor,
): AsyncGenerator<NextChunk> {
  const cutter = rows instanceof RowReader ? rows : undefined
  const chunk = new ChunkBuilder(limits, cursor, cutter && separator)
  try {
    for await (const piece of pieces) {
      rows.feed(piece)
      while (rows.next()) if (chunk.add(rows.start, rows.end, cutter?.row)) yield chunk.close()
    }
    if (rows.finish()) chunk.add(rows.start, rows.end, cutter?.row)
  } catch (failure) {
    // What was read before the fault is as good as ever.
    if (failure instanceof InputUnreadable && chunk.hasRows) yield chunk.close()
    throw failure
  }
  if (chunk.hasRows) yield chunk.close()
}
