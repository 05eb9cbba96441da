import fc from 'fast-check'
import { PackedColumns } from '../../src/jobs/formats/packed-columns.ts'
import { readRows } from '../../src/jobs/formats/read-rows.ts'
import { textFormat } from '../../src/jobs/formats/row-scanner.ts'
import type { ReadInput } from '../../src/jobs/formats/text-source.ts'
import type { NextChunk } from '../../src/jobs/plan/chunk-builder.ts'
import { maxRowBytes, type PlanOptions, planChunks } from '../../src/jobs/plan/plan-chunks.ts'
import { planParquet } from '../../src/jobs/plan/plan-parquet.ts'
import { type PlanCursor, planStart } from '../../src/jobs/plan-parts.ts'
import type { Row } from '../../src/jobs/row-scorer.ts'

export type Bytes = string | Uint8Array
export const bytesOf = (content: Bytes) => (typeof content === 'string' ? Buffer.from(content) : Buffer.from(content))

/** As a storage answers: the pieces are cut as `sizes` say, over and over; a range must hold something. */
export function readerOf(content: Bytes, sizes: readonly number[] = [65_536]): ReadInput {
  const bytes = bytesOf(content)
  return async function* (range) {
    const start = range?.start ?? 0
    const end = range?.end ?? bytes.length
    if (range && (start >= bytes.length || end > bytes.length || end <= start)) throw new Error(`416 ${start}-${end}`)
    for (let at = start, turn = 0; at < end; turn++) {
      const size = sizes[turn % sizes.length] as number
      yield Uint8Array.from(bytes.subarray(at, Math.min(at + size, end)))
      at += size
    }
  }
}

export interface Tried extends Partial<PlanOptions> {
  readonly format: PlanOptions['format']
  readonly sizes?: readonly number[]
}

export function optionsFor(content: Bytes, { sizes: _, ...given }: Tried): PlanOptions {
  return {
    isGzip: false,
    bytes: bytesOf(content).length,
    inputs: undefined,
    miniBatchSize: 3,
    maxChunkBytes: 8 * 2 ** 20,
    maxRowBytes,
    maxInputBytes: 2 ** 30,
    planParquet,
    ...given,
  }
}

/** What was planned, and the fault that ended it. */
export async function plan(content: Bytes, tried: Tried, cursor: PlanCursor = planStart) {
  const chunks: NextChunk[] = []
  try {
    const planned = planChunks(readerOf(content, tried.sizes), optionsFor(content, tried), cursor)
    for await (const chunk of planned) chunks.push(chunk)
    return { chunks, fault: undefined }
  } catch (fault) {
    return { chunks, fault: fault as Error & { code?: string } }
  }
}

export async function rowsOf(content: Bytes, tried: Tried, chunks: readonly NextChunk[]): Promise<Row[]> {
  const { format, inputs, maxRowBytes, names, missing, dialect } = optionsFor(content, tried)
  const read = readerOf(content, tried.sizes)
  const rows: Row[] = []
  for (const chunk of chunks) {
    const { content, isPacked } = chunk
    const text = content ? readerOf(isPacked ? packedText(content) : content, tried.sizes)() : read(chunk)
    const { columns } = chunk.next
    rows.push(
      ...(await readRows(text, chunk, {
        format: textFormat(format),
        columns,
        inputs,
        maxRowBytes,
        names,
        missing,
        dialect,
      })),
    )
  }
  return rows
}

export function packedText(content: Uint8Array): Buffer {
  return Buffer.concat([...PackedColumns.open(content).lines()])
}

/** Plans and reads: JSON text of each row, or its code. */
export async function read(content: Bytes, tried: Tried): Promise<string[]> {
  const { chunks, fault } = await plan(content, tried)
  if (fault) throw fault
  return (await rowsOf(content, tried, chunks)).map(row => ('json' in row ? row.json : row.code))
}

export const cuts = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 6 })
