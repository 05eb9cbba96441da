import type { BlobHead } from '../blob-store.ts'
import { chunkResultBlob, type JobFolder } from '../layout.ts'
import { partNumber } from '../limits.ts'
import type { PlannedChunk } from '../planned-chunk.ts'
import type { RowResult } from '../row-scorer.ts'
import type { JobSpec } from '../spec.ts'
import type { JobTools } from '../tools.ts'
import { blockId, stageForOutput } from './output-blocks.ts'
import { csvHeader, encodeLines } from './result-lines.ts'

/**
 * Commits what came of a chunk. Its lines are staged for the output first, so that the output can be put together
 * without reading them again, and then written once: which of two results is the chunk's is decided there.
 *
 * @returns false: somebody else's is there, and counts
 */
export async function writeResult(
  tools: JobTools,
  spec: JobSpec,
  { chunk, firstRow, rowCount }: PlannedChunk,
  results: readonly RowResult[],
): Promise<boolean> {
  if (results.length !== rowCount) throw new Error(`chunk ${chunk}: ${results.length} results for ${rowCount} rows`)
  const header = chunk === 0 && spec.output.format === 'csv' ? csvHeader : ''
  const content = Buffer.from(header + encodeLines(spec.output.format, firstRow, results))
  const block = blockId('c', chunk, content)
  await stageForOutput(tools, spec, block, content)
  return tools.store.create(chunkResultBlob(spec.folder, partNumber(chunk, tools.limits), chunk), content, {
    rows: String(rowCount),
    failed: String(results.filter(result => 'code' in result).length),
    first: String(firstRow),
    block,
  })
}

/** @returns undefined: there is none yet */
export function headResult(
  { store, limits }: JobTools,
  folder: JobFolder,
  chunk: number,
): Promise<BlobHead | undefined> {
  return store.head(chunkResultBlob(folder, partNumber(chunk, limits), chunk))
}
