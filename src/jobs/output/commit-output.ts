import { chunkResultBlob, parseBlobReference } from '../layout.ts'
import { partNumber } from '../limits.ts'
import { jobMessage } from '../message-queues.ts'
import { readPart } from '../plan-parts.ts'
import type { JobSpec } from '../spec.ts'
import type { JobTools } from '../tools.ts'
import { encodeEmpty } from './chunk-output.ts'
import type { ListedResult, ResultTotals } from './done-parts.ts'
import { joinResults, removeJoined } from './join-results.ts'
import { blockId, isOwnOutput, outputExists, outputMetadata, resultsMissing, stageForOutput } from './output-blocks.ts'
import { type OutputTable, outputTable } from './output-table.ts'
import { type JoinedRowGroup, writeParquetFooter } from './parquet-chunk.ts'

/**
 * Commits the output from the blocks that were staged with the results, without reading them. If these are too many, or have
 * expired, the results are staged again as larger blocks.
 *
 * @returns false when another run has to continue
 * @throws JobFailure OUTPUT_EXISTS, RESULTS_MISSING
 */
export async function commitOutput(
  tools: JobTools,
  spec: JobSpec,
  { results, totals }: { readonly results: readonly ListedResult[]; readonly totals: ResultTotals },
): Promise<boolean> {
  requireEveryRowOnce(results, totals)
  const part = await readPart(tools.store, spec.folder, 0)
  const ends = await stageEnds(tools, spec, { results, table: outputTable(spec, part?.next) })
  const blocks = results.map(({ block }) => block)
  if (blocks.length + ends.length <= tools.limits.maxBlocks && (await commit(tools, spec, [...blocks, ...ends])))
    return true
  const joined = await joinResults(tools, spec, results)
  if (joined && (await commit(tools, spec, [...joined, ...ends]))) return true
  if (joined) await removeJoined(tools, spec)
  await tools.queues.send('finish', jobMessage(spec.folder))
  return false
}

/** Checks that every row has one result, in order: a user may have removed results of a running job. */
function requireEveryRowOnce(results: readonly ListedResult[], totals: ResultTotals): void {
  let rows = 0
  for (const [index, { chunk, first, rows: count }] of results.entries()) {
    if (chunk !== index || first !== rows) throw resultsMissing()
    rows += count
  }
  if (results.length !== totals.chunks || rows !== totals.rows) throw resultsMissing()
}

/** Stages what stands in the output besides the results. @returns ids of the blocks */
async function stageEnds(
  tools: JobTools,
  spec: JobSpec,
  { results, table }: { readonly results: readonly ListedResult[]; readonly table: OutputTable },
): Promise<string[]> {
  const isEmpty = results.length === 0
  if (!isEmpty && table.format !== 'parquet') return []
  const content = isEmpty
    ? await encodeEmpty(table)
    : await writeParquetFooter(table, await readFooters(tools, spec, results))
  if (content.byteLength === 0) return []
  const block = blockId(isEmpty ? 'h' : 'f', 0, content)
  await stageForOutput(tools, spec, { id: block, content })
  return [block]
}

/** Footers that are read at a time. */
const parallelReads = 16

/** @throws BlobGone, BlobChanged, after which a retry finds out that results are missing */
async function readFooters(
  { store, limits }: JobTools,
  { folder }: JobSpec,
  results: readonly ListedResult[],
): Promise<JoinedRowGroup[]> {
  const read = async ({ chunk, etag, end, bytes }: ListedResult): Promise<JoinedRowGroup> => {
    const pieces: Uint8Array[] = []
    const blob = chunkResultBlob(folder, partNumber(chunk, limits), chunk)
    for await (const piece of store.read(blob, etag, { start: end })) pieces.push(piece)
    return { footer: Buffer.concat(pieces), bytes }
  }
  const groups: JoinedRowGroup[] = []
  for (let at = 0; at < results.length; at += parallelReads)
    groups.push(...(await Promise.all(results.slice(at, at + parallelReads).map(read))))
  return groups
}

/**
 * @returns false when blocks are missing: they expire after a week, and when another program writes the output and removes it
 */
async function commit({ store }: JobTools, spec: JobSpec, blocks: readonly string[]): Promise<boolean> {
  const output = parseBlobReference(spec.output.blob)
  const outcome = await store.commitBlocks(output, blocks, outputMetadata(spec))
  if (outcome !== 'exists') return outcome === 'committed'
  const head = await store.head(output)
  if (!head) throw new Error(`job ${spec.folder}: the output was removed while it was checked`)
  if (!isOwnOutput(spec, head)) throw outputExists(spec)
  return true // committed by another process, or by a call of ours whose answer was lost
}
