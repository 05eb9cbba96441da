import type { BlobStore } from '../blob-store.ts'
import { finalCountsBlob, parseBlobReference } from '../layout.ts'
import { jobMessage } from '../message-queues.ts'
import { readPart } from '../plan-parts.ts'
import type { JobSpec } from '../spec.ts'
import type { JobTools } from '../tools.ts'
import { type ListedResult, listResults, type ResultTotals } from './done-parts.ts'
import { joinResults, removeJoined } from './join-results.ts'
import { blockId, isOwnOutput, outputExists, outputMetadata, resultsMissing, stageForOutput } from './output-blocks.ts'
import { outputTable } from './output-table.ts'
import { outputHeader } from './result-lines.ts'

/**
 * Commits the output from the blocks that were staged with the results, without reading them. If these are too many, or have
 * expired, the results are staged again as larger blocks.
 *
 * @returns false when another run has to continue
 * @throws JobFailure OUTPUT_EXISTS, RESULTS_MISSING
 */
export async function commitOutput(tools: JobTools, spec: JobSpec, totals: ResultTotals): Promise<boolean> {
  const results: ListedResult[] = []
  for await (const result of listResults(tools.store, spec.folder)) results.push(result)
  requireEveryRowOnce(results, totals)
  if (spec.output.action === 'summary_only') return true
  if (
    results.length <= tools.limits.maxBlocks &&
    (await commit(tools, spec, await outputBlockIds(tools, spec, results)))
  ) {
    return true
  }
  const joined = await joinResults(tools, spec, results)
  if (joined && (await commit(tools, spec, joined))) return true
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

async function outputBlockIds(tools: JobTools, spec: JobSpec, results: readonly ListedResult[]): Promise<string[]> {
  if (results.length > 0 || spec.output.format !== 'csv') return results.map(({ block }) => block)
  const part = await readPart(tools.store, spec.folder, 0)
  const header = Buffer.from(outputHeader(outputTable(spec, part?.next)))
  const block = blockId('h', 0, header)
  await stageForOutput(tools, spec, { id: block, content: header })
  return [block]
}

/**
 * @returns false when blocks are missing: they expire after a week, and when another program writes the output
 */
async function commit({ store }: JobTools, spec: JobSpec, blocks: readonly string[]): Promise<boolean> {
  if (spec.output.overwrite) return replace(store, spec, blocks)
  const output = parseBlobReference(spec.output.blob)
  const outcome = await store.commitBlocks(output, blocks, outputMetadata(spec))
  if (outcome !== 'exists') return outcome === 'committed'
  const head = await store.head(output)
  if (!head) throw new Error(`job ${spec.folder}: the output was removed while it was checked`)
  if (!isOwnOutput(spec, head)) throw outputExists(spec)
  return true // committed by another process, or by a call of ours whose answer was lost
}

/** Another program writes the output again and again; the message of this step is delivered again. */
const maxReplacements = 10

/**
 * Commits the output in place of the version that is there. Of two jobs with one output, the one that commits last wins. The version
 * is read before it is known that the job has not ended: if another process ends it in between, its output is another version, and
 * this commit fails. So nothing is replaced that was written after the end of the job.
 */
async function replace(store: BlobStore, spec: JobSpec, blocks: readonly string[]): Promise<boolean> {
  const output = parseBlobReference(spec.output.blob)
  for (let tries = 0; tries < maxReplacements; tries++) {
    const head = await store.head(output)
    if ((head && isOwnOutput(spec, head)) || (await store.head(finalCountsBlob(spec.folder)))) return true
    const outcome = await store.commitBlocks(output, blocks, outputMetadata(spec), head?.etag)
    if (outcome !== 'exists') return outcome === 'committed'
  }
  throw new Error(`job ${spec.folder}: others write its output all the time`)
}
