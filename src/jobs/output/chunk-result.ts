import type { BlobHead } from '../blob-store.ts'
import { chunkResultBlob, type JobFolder } from '../layout.ts'
import { partNumber } from '../limits.ts'
import type { PlannedChunk, PlanPart } from '../plan-parts.ts'
import type { JobSpec } from '../spec.ts'
import type { JobTools } from '../tools.ts'
import { blockId, stageForOutput } from './output-blocks.ts'
import { outputTable } from './output-table.ts'
import { outputHeader, type ResultLines } from './result-lines.ts'

/**
 * Commits the result of a chunk. Its lines are first staged as a block of the output, so that the output can be committed
 * without reading them again. Then the result is created, which decides between concurrent results of the same chunk.
 *
 * @returns false when another process's result exists, which counts
 */
export async function writeResult(
  tools: JobTools,
  spec: JobSpec,
  {
    part,
    planned,
    results,
  }: { readonly part: PlanPart; readonly planned: PlannedChunk; readonly results: ResultLines },
): Promise<boolean> {
  const { chunk, firstRow, rowCount } = planned
  if (results.rowCount !== rowCount) throw new Error(`chunk ${chunk}: ${results.rowCount} results for ${rowCount} rows`)
  const result = chunkResultBlob(spec.folder, partNumber(chunk, tools.limits), chunk)
  const counts = { rows: String(rowCount), failed: String(results.failed), first: String(firstRow) }
  if (spec.output.action === 'summary_only') return tools.store.create(result, '', counts)
  const header = chunk === 0 ? outputHeader(outputTable(spec, part.next)) : ''
  const content = Buffer.concat([Buffer.from(header), ...results.lines])
  const block = blockId('c', chunk, content)
  await stageForOutput(tools, spec, { id: block, content })
  return tools.store.create(result, content, { ...counts, block })
}

/** Whether the chunk that is a window later has a result. */
export async function hasNextResult(tools: JobTools, folder: JobFolder, chunk: number): Promise<boolean> {
  return (await headResult(tools, folder, chunk + tools.limits.window)) !== undefined
}

/** @returns undefined when the chunk has no result yet */
export function headResult(
  { store, limits }: JobTools,
  folder: JobFolder,
  chunk: number,
): Promise<BlobHead | undefined> {
  return store.head(chunkResultBlob(folder, partNumber(chunk, limits), chunk))
}
