import { parseBlobReference } from '../layout.ts'
import { jobMessage } from '../message-queues.ts'
import type { JobSpec } from '../spec.ts'
import type { JobTools } from '../tools.ts'
import { type ListedResult, listResults, type ResultTotals } from './done-parts.ts'
import { joinResults, removeJoined } from './join-results.ts'
import { blockId, isOwnOutput, outputExists, outputMetadata, resultsMissing, stageForOutput } from './output-blocks.ts'
import { csvHeader } from './result-lines.ts'

/**
 * Makes the output of the blocks that were staged with the results, without reading them; or, where these are too many or
 * not there any more, of larger blocks that are staged from the results.
 *
 * @returns false: another run goes on
 * @throws JobFailure OUTPUT_EXISTS, RESULTS_MISSING
 */
export async function commitOutput(tools: JobTools, spec: JobSpec, sums: ResultTotals): Promise<boolean> {
  const results: ListedResult[] = []
  for await (const result of listResults(tools.store, spec.folder)) results.push(result)
  requireEveryRowOnce(results, sums)
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

/** The last look before the promise is kept: somebody may have removed results of a running job. */
function requireEveryRowOnce(results: readonly ListedResult[], sums: ResultTotals): void {
  let rows = 0
  for (const [index, { chunk, first, rows: count }] of results.entries()) {
    if (chunk !== index || first !== rows) throw resultsMissing()
    rows += count
  }
  if (results.length !== sums.chunks || rows !== sums.rows) throw resultsMissing()
}

async function outputBlockIds(tools: JobTools, spec: JobSpec, results: readonly ListedResult[]): Promise<string[]> {
  if (results.length > 0 || spec.output.format !== 'csv') return results.map(({ block }) => block)
  const header = Buffer.from(csvHeader)
  const block = blockId('h', 0, header)
  await stageForOutput(tools, spec, block, header)
  return [block]
}

/**
 * @returns false: blocks are missing, because nobody has staged one for a week, or because somebody else has written the
 *   output and removed it again
 */
async function commit({ store }: JobTools, spec: JobSpec, blocks: readonly string[]): Promise<boolean> {
  const place = parseBlobReference(spec.output.blob)
  const outcome = await store.commitBlocks(place, blocks, outputMetadata(spec))
  if (outcome !== 'exists') return outcome === 'committed'
  const head = await store.head(place)
  if (!head) throw new Error(`job ${spec.folder}: the output was removed at this moment`)
  if (!isOwnOutput(spec, head)) throw outputExists(spec)
  return true // by somebody who did the same, or by our own first try
}
