import { parseBlobReference } from '../layout.ts'
import { jobMessage } from '../message-queues.ts'
import { readPart } from '../plan-parts.ts'
import type { JobSpec } from '../spec.ts'
import type { JobTools } from '../tools.ts'
import type { ListedResult, ResultTotals } from './done-parts.ts'
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
export async function commitOutput(
  tools: JobTools,
  spec: JobSpec,
  { results, totals }: { readonly results: readonly ListedResult[]; readonly totals: ResultTotals },
): Promise<boolean> {
  requireEveryRowOnce(results, totals)
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
