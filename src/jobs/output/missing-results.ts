import { donePartBlob, type JobFolder, rescoredBlob } from '../layout.ts'
import { partNumber } from '../limits.ts'
import { jobMessage } from '../message-queues.ts'
import type { JobSpec } from '../spec.ts'
import type { JobTools } from '../tools.ts'
import type { ListedResult, ResultTotals } from './done-parts.ts'
import { resultsMissing } from './output-blocks.ts'

/** How often a chunk is scored again. Something that removes its result each time would keep the job from ending. */
const maxTimes = 3

/**
 * Has the chunks scored again whose results were removed, by a user or a lifecycle rule. As many as are in the window at a time; the
 * finish step that follows from the last of them finds the others.
 *
 * @param results  of all chunks that have one, in order
 * @returns whether some are missing
 * @throws JobFailure RESULTS_MISSING when a result was removed too often
 */
export async function rescoreMissing(
  tools: JobTools,
  { folder }: JobSpec,
  { results, totals }: { readonly results: readonly ListedResult[]; readonly totals: ResultTotals },
): Promise<boolean> {
  if (results.length >= totals.chunks) return false
  const existing = new Set(results.map(({ chunk }) => chunk))
  const missing = Array.from({ length: totals.chunks }, (_, chunk) => chunk).filter(chunk => !existing.has(chunk))
  for (const chunk of missing.slice(0, tools.limits.window)) {
    // The part is open again, so that its rows do not count as done.
    await tools.store.remove(donePartBlob(folder, partNumber(chunk, tools.limits)))
    if (await recordRescoring(tools, folder, chunk)) await tools.queues.send('chunk', { ...jobMessage(folder), chunk })
  }
  return true
}

/** @returns false when it is being scored again already */
async function recordRescoring({ store, limits }: JobTools, folder: JobFolder, chunk: number): Promise<boolean> {
  const record = rescoredBlob(folder, chunk)
  if (await store.create(record, '', { times: '1' })) return true
  const last = await store.head(record)
  if (!last || (await store.now()) - last.modifiedAt < limits.stallMs) return false
  const times = Number(last.metadata.times)
  if (times >= maxTimes) throw resultsMissing()
  return store.replace(record, '', last.etag, { times: String(times + 1) })
}
