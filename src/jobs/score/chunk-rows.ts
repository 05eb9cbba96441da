import type { BlobStore } from '../blob-store.ts'
import { readRows } from '../formats/read-rows.ts'
import { textFormat } from '../formats/row-scanner.ts'
import { chunkInputBlob } from '../layout.ts'
import { openInput, rowOptions } from '../plan/job-input.ts'
import { maxRowBytes } from '../plan/plan-chunks.ts'
import type { PlannedChunk, PlanPart } from '../plan-parts.ts'
import type { Row } from '../row-scorer.ts'
import { isCopied, type JobSpec } from '../spec.ts'
import type { JobTools } from '../tools.ts'
import type { ChunkAddress } from './attempt-log.ts'

export interface ChunkSource {
  readonly part: PlanPart
  readonly planned: PlannedChunk
  readonly signal: AbortSignal
}

/** @throws InputUnreadable, BlobGone, BlobChanged, which end the job */
export async function readChunkRows(
  tools: JobTools,
  spec: JobSpec,
  { part, planned, signal }: ChunkSource,
): Promise<Row[]> {
  const content = isCopied(spec.input)
    ? readCopy(tools.store, { folder: spec.folder, part: part.part, chunk: planned.chunk })
    : (await openInput(tools, spec))({ start: planned.start, end: planned.end })
  return readRows(content, planned, {
    format: textFormat(spec.input.format),
    ...rowOptions(tools.scorer, spec),
    columns: part.next.columns,
    inputs: await tools.scorer.inputs(spec.service, signal),
    maxRowBytes,
  })
}

async function* readCopy(store: BlobStore, { folder, part, chunk }: ChunkAddress): AsyncGenerator<Uint8Array> {
  const blob = await store.readWhole(chunkInputBlob(folder, part, chunk))
  if (!blob) throw new Error(`the stored text of chunk ${chunk} was removed`)
  yield blob.content
}
