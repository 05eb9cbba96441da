import type { BlobHead, BlobMetadata } from '../blob-store.ts'
import { chunkResultBlob, type JobFolder } from '../layout.ts'
import { partNumber } from '../limits.ts'
import type { PlannedChunk } from '../plan-parts.ts'
import type { JobSpec } from '../spec.ts'
import type { JobTools } from '../tools.ts'
import type { ChunkOutput } from './chunk-output.ts'
import { stageForOutput } from './output-blocks.ts'

/**
 * Commits the result of a chunk. Its rows are first staged as a block of the output, so that the output can be committed
 * without reading them again. Then the result is created, which decides between concurrent results of the same chunk.
 *
 * @returns false when another process's result exists, which counts
 */
export async function writeResult(
  tools: JobTools,
  spec: JobSpec,
  { chunk, firstRow, rowCount, file: inputFile }: PlannedChunk,
  output: ChunkOutput,
): Promise<boolean> {
  const { blob, file, start, end } = output
  if (output.rowCount !== rowCount) throw new Error(`chunk ${chunk}: ${output.rowCount} results for ${rowCount} rows`)
  const result = chunkResultBlob(spec.folder, partNumber(chunk, tools.limits), chunk)
  const counts = {
    rows: String(rowCount),
    failed: String(output.failed),
    first: String(firstRow),
    ...(inputFile && { file: String(inputFile.index) }),
  }
  const create = async (content: Uint8Array | string, metadata: BlobMetadata) =>
    (await tools.store.create(result, content, metadata)) !== undefined
  if (spec.output.action === 'summary_only') return create('', counts)
  const content = file.subarray(start, end)
  const block = await stageForOutput(tools, spec, { blob, kind: 'c', number: chunk, content })
  return create(file, {
    ...counts,
    block,
    ...(end - start < file.byteLength && { start: String(start), end: String(end) }),
  })
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
