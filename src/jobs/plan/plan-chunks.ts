import { type CsvOptions, csvColumns } from '../formats/csv-columns.ts'
import { RowReader } from '../formats/row-reader.ts'
import { createScanner } from '../formats/row-scanner.ts'
import { chooseRowShape } from '../formats/row-shape.ts'
import { openText, type ReadInput } from '../formats/text-source.ts'
import type { PlanCursor } from '../planned-chunk.ts'
import type { MissingOptions } from '../row-scorer.ts'
import type { InputFormat } from '../spec.ts'
import type { ChunkLimits, NextChunk } from './chunk-builder.ts'
import { planText } from './plan-text.ts'

export interface PlanOptions extends ChunkLimits, CsvOptions, MissingOptions {
  readonly format: InputFormat
  readonly isGzip: boolean
  /** Of the input as it lies there. */
  readonly bytes: number
  /** A larger row is planned as a row, but never held. */
  readonly maxRowBytes: number
  /** Of the unpacked text. */
  readonly maxInputBytes: number
  /** Needed where the input is Parquet. */
  readonly planParquet?: PlanParquet
}

/**
 * Writes the rows of a Parquet file as JSON Lines, in chunks. Its reader cannot be trusted with any file's time and memory:
 * the app has it in a process of its own.
 *
 * @throws InputUnreadable after the chunks before the fault; what `read` throws
 */
export type PlanParquet = (read: ReadInput, options: PlanOptions, cursor: PlanCursor) => AsyncGenerator<NextChunk>

export const defaultPlanLimits = {
  maxChunkBytes: 8 * 1024 ** 2,
  maxRowBytes: 16 * 1024 ** 2,
} as const

/**
 * Cuts an input into chunks of whole rows. The same bytes and options give the same chunks, wherever it was begun. Memory
 * does not grow with the input or a row: the text of one chunk at most, and for Parquet the columns of some thousand rows.
 *
 * @param cursor  `next` of the last chunk that is known, or `planStart`
 * @returns chunks of at least one row each; none when the input has no rows (a CSV: nothing after its header)
 * @throws InputUnreadable after the chunks before the fault; what `read` throws
 */
export async function* planChunks(
  read: ReadInput,
  options: PlanOptions,
  cursor: PlanCursor,
): AsyncGenerator<NextChunk> {
  const { format, isGzip, inputs, maxRowBytes, planParquet } = options
  if (format === 'parquet') {
    if (!planParquet) throw new TypeError('planChunks was given a Parquet file, but nothing that reads one')
    return yield* planParquet(read, options, cursor)
  }
  const source = { ...options, read }
  let begin = cursor
  if (format === 'csv' && !cursor.columns) {
    const found = await csvColumns(source, options)
    if (!found) return
    begin = { ...cursor, columns: found.columns, offset: Math.max(cursor.offset, found.offset) }
  }
  if (begin.columns) chooseRowShape(begin.columns, inputs, options)
  const { pieces, offset } = await openText(source, begin.offset)
  const scanner = createScanner(format, offset, cursor.chunk > 0)
  const rows = isGzip ? new RowReader(scanner, offset, maxRowBytes) : scanner
  yield* planText(pieces, rows, format === 'json' ? ',' : '\n', options, begin)
}
