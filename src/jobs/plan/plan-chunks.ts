import type { ChunkSize } from '../chunk-size.ts'
import { InputUnreadable } from '../failure.ts'
import { type CsvOptions, csvColumns } from '../formats/csv-columns.ts'
import { withoutSecretsInText } from '../formats/encrypted-row.ts'
import { readFirstRecord } from '../formats/json-records.ts'
import { readOnce } from '../formats/read-once.ts'
import { type IncludeOptions, includedUnfit, requireIncluded } from '../formats/require-included.ts'
import { RowReader } from '../formats/row-reader.ts'
import type { RowScanner } from '../formats/row-scanner.ts'
import { createScanner } from '../formats/row-scanner.ts'
import { chooseRowShape } from '../formats/row-shape.ts'
import { openText, type ReadInput, type TextSource } from '../formats/text-source.ts'
import type { PlanCursor } from '../plan-parts.ts'
import type { MissingOptions } from '../row-scorer.ts'
import type { InputFormat } from '../spec.ts'
import { ChunkBuilder, type Chunks, type NextChunk } from './chunk-builder.ts'
import { HeldPieces } from './held-pieces.ts'

export interface PlanOptions extends ChunkSize, CsvOptions, MissingOptions, IncludeOptions {
  readonly format: InputFormat
  readonly isGzip: boolean
  /** Size of the input as stored. */
  readonly bytes: number
  /** A row may be the body of a request whose features are encrypted; the chunk's own text has no secrets of such rows. */
  readonly takesEncrypted?: boolean | undefined
  /** Names of inputs that a row may leave out. */
  readonly optionalInputs?: readonly string[] | undefined
  /** A larger row is counted, but never held in memory. */
  readonly maxRowBytes: number
  /** Largest decompressed text. */
  readonly maxInputBytes: number
  /** Chunks come with the pieces of their text, if they have no text of their own. */
  readonly keepsText?: boolean
  /** Required for Parquet. */
  readonly planParquet?: PlanParquet
}

/**
 * Writes the rows of a Parquet file as JSON Lines, in chunks. The app runs it in a process of its own, because a damaged file can
 * take all time and memory.
 *
 * @throws InputUnreadable after the chunks before the fault; what `read` throws
 */
export type PlanParquet = (read: ReadInput, options: PlanOptions, cursor: PlanCursor) => Chunks

/** Largest row of a job. */
export const maxRowBytes = 16 * 1024 ** 2

/**
 * Divides an input into chunks of whole rows. The same bytes and options give the same chunks, whatever the cursor. Memory does not
 * grow with the input or a row: it holds at most the text of one chunk, and for Parquet the columns of some thousand rows.
 *
 * @param cursor  `next` of the last planned chunk, or `planStart`
 * @returns chunks of at least one row each; none when the input has no rows (a CSV: nothing after its header)
 * @throws InputUnreadable after the chunks before the fault; what `read` throws
 */
export async function* planChunks(read: ReadInput, options: PlanOptions, cursor: PlanCursor): Chunks {
  const { format, planParquet } = options
  if (format === 'parquet') {
    if (!planParquet) throw new TypeError('planChunks needs options.planParquet for a Parquet file')
    return yield* planParquet(read, options, cursor)
  }
  if (cursor.row > 0) return yield* planTextFile(read, { ...options, format }, cursor)
  const once = readOnce(read)
  try {
    return yield* planTextFile(once.read, { ...options, format }, cursor)
  } finally {
    await once.close()
  }
}

type TextPlanOptions = PlanOptions & { readonly format: Exclude<InputFormat, 'parquet'> }

async function* planTextFile(read: ReadInput, options: TextPlanOptions, cursor: PlanCursor): Chunks {
  const { format, isGzip, maxRowBytes, takesEncrypted } = options
  const source = { ...options, read, decodes: 'begin' } as const
  const begin = cursor.row > 0 ? cursor : await firstCursor(source, options, cursor)
  if (!begin) return cursor
  const decodes = begin.isDecoded ? 'always' : 'begin'
  const { pieces, offset, isDecoded } = await openText({ ...source, decodes }, begin.offset)
  const isCopied = isGzip || isDecoded === true
  const scanner = createScanner(options, offset, cursor.row > 0)
  const rows = isCopied ? new RowReader(scanner, offset, maxRowBytes) : scanner
  const separator = format === 'json' ? ',' : '\n'
  const keep = takesEncrypted ? withoutSecretsInText : undefined
  const chunk = new ChunkBuilder(
    options,
    { ...begin, ...(isDecoded && { isDecoded }) },
    isCopied ? { separator, keep } : undefined,
  )
  if (isCopied || !options.keepsText) {
    yield* planText(pieces, rows, chunk)
    return chunk.cursor
  }
  const held = new HeldPieces(offset, options.maxChunkBytes + maxRowBytes)
  for await (const next of planText(held.through(pieces), rows, chunk)) {
    const text = held.take(next.start, next.end)
    yield text ? { ...next, text } : next
  }
  return chunk.cursor
}

/**
 * Finds where the rows begin, and the names of their values, and checks that these fit.
 *
 * @returns undefined when there are no rows
 */
async function firstCursor(
  source: TextSource,
  options: PlanOptions,
  start: PlanCursor,
): Promise<PlanCursor | undefined> {
  const { format, inputs, names, include } = options
  if (format === 'csv') {
    const found = await csvColumns(source, options)
    if (!found) return undefined
    chooseRowShape(found.columns, inputs, options)
    requireIncluded(options, found.columns)
    return { ...start, ...found }
  }
  if (format === 'parquet') return start
  const first = await readFirstRecord(source, { ...options, format })
  if (first === 'no rows') return undefined
  if (first) {
    if (inputs || names) chooseRowShape(first.columns, inputs, { ...options, isList: first.isList })
    requireIncluded(options, first.columns)
  } else if (include) {
    throw includedUnfit('the first row is not an object of values by name')
  }
  return { ...start, line: 1, ...(first && { columns: first.columns }) }
}

/**
 * Divides a text into chunks of whole rows. Reads each byte once, and allocates nothing per row unless `rows` is a reader.
 *
 * @param rows  a reader if chunks have their own text, otherwise a scanner
 */
async function* planText(
  pieces: AsyncIterable<Uint8Array>,
  rows: RowScanner | RowReader,
  chunk: ChunkBuilder,
): AsyncGenerator<NextChunk> {
  const reader = rows instanceof RowReader ? rows : undefined
  try {
    for await (const piece of pieces) {
      rows.feed(piece)
      while (rows.next()) {
        if (chunk.isFarFrom(rows)) yield chunk.close()
        if (chunk.add(rows, reader?.row)) yield chunk.close()
      }
    }
    if (rows.finish()) {
      if (chunk.isFarFrom(rows)) yield chunk.close()
      chunk.add(rows, reader?.row)
    }
  } catch (failure) {
    // Rows before the fault are valid.
    if (failure instanceof InputUnreadable && chunk.hasRows) yield chunk.close()
    throw failure
  }
  if (chunk.hasRows) yield chunk.close()
}
