import { readRows } from '../formats/read-rows.ts'
import { textFormat } from '../formats/row-scanner.ts'
import { chunkInputBlob, type JobFolder } from '../layout.ts'
import { openInput, tableOptions } from '../plan/job-input.ts'
import { defaultPlanLimits } from '../plan/plan-chunks.ts'
import type { PlanPart } from '../plan-parts.ts'
import type { PlannedChunk } from '../planned-chunk.ts'
import type { Row } from '../row-scorer.ts'
import { isCopied, type JobSpec } from '../spec.ts'
import type { JobTools } from '../tools.ts'

/** @throws InputUnreadable, BlobGone, BlobChanged: fatal for the job */
export async function readChunkRows(
  tools: JobTools,
  spec: JobSpec,
  { part, next }: PlanPart,
  planned: PlannedChunk,
  signal: AbortSignal,
): Promise<Row[]> {
  const content = isCopied(spec.input)
    ? readCopy(tools, spec.folder, part, planned.chunk)
    : (await openInput(tools, spec))({ start: planned.start, end: planned.end })
  return readRows(content, planned, {
    format: textFormat(spec.input.format),
    ...tableOptions(tools.scorer, spec),
    columns: next.columns,
    inputs: await tools.scorer.inputs(spec.service, signal),
    maxRowBytes: defaultPlanLimits.maxRowBytes,
  })
}

async function* readCopy(
  { store }: JobTools,
  folder: JobFolder,
  part: number,
  chunk: number,
): AsyncGenerator<Uint8Array> {
  const blob = await store.readWhole(chunkInputBlob(folder, part, chunk))
  if (!blob) throw new Error(`the copied text of chunk ${chunk} was removed`)
  yield blob.content
}
