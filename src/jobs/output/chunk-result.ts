import type { BlobHead, BlobMetadata } from '../blob-store.ts'
import { chunkResultBlob, type JobFolder } from '../layout.ts'
import { partNumber } from '../limits.ts'
import type { PlannedChunk } from '../plan-parts.ts'
import type { KnownResult } from '../results.ts'
import type { JobSpec } from '../spec.ts'
import type { JobTools } from '../tools.ts'
import type { ChunkOutput } from './chunk-output.ts'
import { stageForOutput } from './output-blocks.ts'

/**
 * Commits the result of a chunk. Its rows are first staged as a block of the output, so that the output can be committed
 * without reading them again. Then the result is created, which decides between concurrent results of the same chunk.
 *
 * @returns undefined when another process's result exists, which counts
 */
export async function writeResult(
  tools: JobTools,
  spec: JobSpec,
  { chunk, firstRow, rowCount, file: inputFile }: PlannedChunk,
  output: ChunkOutput,
): Promise<KnownResult | undefined> {
  const { blob, file, start, end, failed } = output
  if (output.rowCount !== rowCount) throw new Error(`chunk ${chunk}: ${output.rowCount} results for ${rowCount} rows`)
  const result = chunkResultBlob(spec.folder, partNumber(chunk, tools.limits), chunk)
  const counts = {
    rows: String(rowCount),
    failed: String(failed),
    first: String(firstRow),
    ...(inputFile && { file: String(inputFile.index) }),
  }
  const create = async (content: Uint8Array | string, metadata: BlobMetadata, place: ResultPlace) => {
    const etag = await tools.store.create(result, content, metadata)
    const known = { chunk, rows: rowCount, failed, first: firstRow, file: inputFile?.index ?? 0, ...place }
    return etag === undefined ? undefined : { ...known, bytes: place.end - place.start, etag }
  }
  if (spec.output.action === 'summary_only') return create('', counts, { start: 0, end: 0, block: '' })
  const content = file.subarray(start, end)
  const block = await stageForOutput(tools, spec, { blob, kind: 'c', number: chunk, content })
  const part: BlobMetadata = end - start < file.byteLength ? { start: String(start), end: String(end) } : {}
  return create(file, { ...counts, block, ...part }, { start, end, block })
}

type ResultPlace = Pick<KnownResult, 'start' | 'end' | 'block'>

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
