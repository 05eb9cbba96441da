import type { TensorInfo } from '../../models/session/model-session.ts'
import type { BlobStore } from '../blob-store.ts'
import { chunkSize } from '../chunk-size.ts'
import { PackedColumns } from '../formats/packed-columns.ts'
import { readRows } from '../formats/read-rows.ts'
import { textFormat } from '../formats/row-scanner.ts'
import { chunkKey } from '../kept-chunks.ts'
import { chunkInputBlob, packedInputBlob } from '../layout.ts'
import { openInput, rowOptions } from '../plan/job-input.ts'
import { maxRowBytes } from '../plan/plan-chunks.ts'
import type { PlannedChunk, PlanPart } from '../plan-parts.ts'
import type { Row, RowReading } from '../row-scorer.ts'
import { hasInlineRows, isCopied, type JobSpec } from '../spec.ts'
import type { JobTools } from '../tools.ts'
import type { ChunkAddress } from './attempt-log.ts'
import type { SharedMemory } from './shared-memory.ts'

export interface ChunkSource {
  readonly part: PlanPart
  readonly planned: PlannedChunk
  readonly signal: AbortSignal
}

export interface TextTools extends JobTools {
  /** One for the process. */
  readonly memory: SharedMemory
}

/** The text of a chunk, and how to read it. */
export interface ChunkText {
  /** In memory that scoring threads share; undefined: a row is too large to be held. */
  readonly content: Uint8Array | undefined
  /** Set if the content is that of packed columns. */
  readonly packed: PackedColumns | undefined
  /** The same text. */
  readonly pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>
  readonly reading: RowReading
  /** Line of its file in which it begins, from 1; undefined: that is not known, or there is none. */
  readonly firstLine: number | undefined
  readonly inputs: readonly TensorInfo[] | undefined
}

/** @throws InputUnreadable, BlobGone, BlobChanged, which end the job */
export async function readChunkText(
  { memory, ...tools }: TextTools,
  spec: JobSpec,
  { part, planned, signal }: ChunkSource,
): Promise<ChunkText> {
  const kept = tools.texts.take(chunkKey(spec, planned.chunk))
  const pieces = kept ?? (await openPieces(tools, spec, { part, planned }))
  const content = isHeld(spec, planned) ? await memory.join(await collect(pieces)) : undefined
  const { fileColumns, ...options } = await rowOptions(tools.scorer, spec)
  const { columns } = part.next
  const packed = content && planned.isPacked ? PackedColumns.open(content) : undefined
  if (packed && packed.rowCount !== planned.rowCount)
    throw new Error(`the chunk has ${packed.rowCount} packed rows; ${planned.rowCount} were planned`)
  return {
    content,
    packed,
    pieces: packed ? packed.lines() : content ? [content] : pieces,
    firstLine: hasInlineRows(spec) ? undefined : planned.line,
    reading: { format: textFormat(spec.input.format), ...options, columns, maxRowBytes },
    inputs: await tools.scorer.inputs(spec.service, signal),
  }
}

/** @throws InputUnreadable; Error when the text does not belong to the chunk */
export function readChunkRows(
  { pieces, reading, firstLine, inputs }: ChunkText,
  { rowCount }: PlannedChunk,
): Promise<Row[]> {
  return readRows(pieces, { rowCount, line: firstLine }, { ...reading, inputs })
}

/** Whether the text of the chunk is so small that none of its rows has to be skipped. A stored copy has a mark in place of such a row. */
function isHeld(spec: JobSpec, planned: PlannedChunk): boolean {
  return hasCopy(spec, planned) || planned.end - planned.start <= chunkSize(spec).maxChunkBytes + maxRowBytes
}

function hasCopy({ input }: JobSpec, { isDecoded }: PlannedChunk): boolean {
  return isCopied(input) || isDecoded === true
}

async function openPieces(
  tools: JobTools,
  spec: JobSpec,
  { part, planned }: Omit<ChunkSource, 'signal'>,
): Promise<AsyncIterable<Uint8Array>> {
  if (hasCopy(spec, planned))
    return readCopy(tools.store, { folder: spec.folder, part: part.part, chunk: planned.chunk }, planned.isPacked)
  return (await openInput(tools, spec, planned.file?.index))({ start: planned.start, end: planned.end })
}

async function collect(pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<Uint8Array[]> {
  const all: Uint8Array[] = []
  for await (const piece of pieces) all.push(piece)
  return all
}

async function* readCopy(
  store: BlobStore,
  { folder, part, chunk }: ChunkAddress,
  isPacked = false,
): AsyncGenerator<Uint8Array> {
  const contentBlob = isPacked ? packedInputBlob : chunkInputBlob
  const blob = await store.readWhole(contentBlob(folder, part, chunk))
  if (!blob) throw new Error(`the stored content of chunk ${chunk} was removed`)
  yield blob.content
}
