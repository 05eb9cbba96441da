import type { BlobHead } from '../blob-store.ts'
import { chunkResultBlob, type JobFolder } from '../layout.ts'
import { partNumber } from '../limits.ts'
import { type PlannedChunk, type PlanPart, rowInFile } from '../plan-parts.ts'
import type { JobSpec } from '../spec.ts'
import type { JobTools } from '../tools.ts'
import { chunkOutput } from './chunk-output.ts'
import { blockId, stageForOutput } from './output-blocks.ts'
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
  const counts = {
    rows: String(rowCount),
    failed: String(results.failed),
    first: String(firstRow),
    ...(planned.file && { file: String(planned.file.index) }),
  }
  if (spec.output.action === 'summary_only') return tools.store.create(result, '', counts)
  const output = await chunkOutput(tools, spec, { part, planned })
  const isFirst = spec.output.isPerFile ? rowInFile(planned) === 0 : chunk === 0
  const header = isFirst ? outputHeader(output) : ''
  const content = Buffer.concat([Buffer.from(header), ...results.lines])
  const block = blockId('c', chunk, content)
  await stageForOutput(tools, spec, { blob: output.blob, id: block, content })
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
