import type { TensorInfo } from '../../models/session/model-session.ts'
import type { BlobStore } from '../blob-store.ts'
import { textKey } from '../chunk-texts.ts'
import { readRows } from '../formats/read-rows.ts'
import { textFormat } from '../formats/row-scanner.ts'
import { chunkInputBlob } from '../layout.ts'
import { openInput, rowOptions } from '../plan/job-input.ts'
import { maxRowBytes } from '../plan/plan-chunks.ts'
import type { PlannedChunk, PlanPart } from '../plan-parts.ts'
import type { Row, RowReading } from '../row-scorer.ts'
import { isCopied, type JobSpec } from '../spec.ts'
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
  /** In memory that scoring threads share. */
  readonly content: Uint8Array
  readonly reading: RowReading
  readonly inputs: readonly TensorInfo[] | undefined
}

/** @throws InputUnreadable, BlobGone, BlobChanged, which end the job */
export async function readChunkText(
  { memory, ...tools }: TextTools,
  spec: JobSpec,
  { part, planned, signal }: ChunkSource,
): Promise<ChunkText> {
  const pieces = tools.texts.take(textKey(spec, planned.chunk)) ?? (await readPieces(tools, spec, { part, planned }))
  const { fileColumns, ...options } = rowOptions(tools.scorer, spec)
  const { columns } = part.next
  return {
    content: memory.join(pieces),
    reading: { format: textFormat(spec.input.format), ...options, columns, maxRowBytes },
    inputs: await tools.scorer.inputs(spec.service, signal),
  }
}

/** @throws InputUnreadable; Error when the text does not belong to the chunk */
export function readChunkRows({ content, reading, inputs }: ChunkText, planned: PlannedChunk): Promise<Row[]> {
  return readRows([content], planned, { ...reading, inputs })
}

async function readPieces(
  tools: JobTools,
  spec: JobSpec,
  { part, planned }: Omit<ChunkSource, 'signal'>,
): Promise<Uint8Array[]> {
  const content = isCopied(spec.input)
    ? readCopy(tools.store, { folder: spec.folder, part: part.part, chunk: planned.chunk })
    : (await openInput(tools, spec))({ start: planned.start, end: planned.end })
  const pieces: Uint8Array[] = []
  for await (const piece of content) pieces.push(piece)
  return pieces
}

async function* readCopy(store: BlobStore, { folder, part, chunk }: ChunkAddress): AsyncGenerator<Uint8Array> {
  const blob = await store.readWhole(chunkInputBlob(folder, part, chunk))
  if (!blob) throw new Error(`the stored text of chunk ${chunk} was removed`)
  yield blob.content
}
