import type { BlobHead, BlobReference } from '../blob-store.ts'
import { donePartBlob, rescoredBlob } from '../layout.ts'
import { partNumber } from '../limits.ts'
import { jobMessage } from '../message-queues.ts'
import type { KnownResult, ResultTotals } from '../results.ts'
import type { JobSpec } from '../spec.ts'
import type { JobTools } from '../tools.ts'
import { closeParts } from './done-parts.ts'
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
  spec: JobSpec,
  { results, totals }: { readonly results: readonly KnownResult[]; readonly totals: ResultTotals },
): Promise<boolean> {
  if (results.length >= totals.chunks) return false
  const { folder } = spec
  const existing = new Set(results.map(({ chunk }) => chunk))
  const missing = Array.from({ length: totals.chunks }, (_, chunk) => chunk).filter(chunk => !existing.has(chunk))
  const parts = new Set<number>()
  for (const chunk of missing.slice(0, tools.limits.window)) {
    const last = await tools.store.head(rescoredBlob(folder, chunk))
    if (last && (await isUnderWay(tools, last))) continue
    // The message goes first: a finish step that comes again after a fault sends those that are missing still.
    await tools.queues.send('chunk', { ...jobMessage(folder), chunk })
    await record(tools, rescoredBlob(folder, chunk), last)
    const part = partNumber(chunk, tools.limits)
    tools.cache.seen(spec, part).own.delete(chunk)
    parts.add(part)
  }
  // The parts are open again, so that their rows do not count as done.
  for (const part of parts) await tools.store.remove(donePartBlob(folder, part))
  // Their chunks may have results by now.
  if (parts.size > 0 && (await closeParts(tools.store, folder))) await tools.queues.send('finish', jobMessage(folder))
  return true
}

/** @throws JobFailure RESULTS_MISSING */
async function isUnderWay({ store, limits }: JobTools, { modifiedAt, metadata }: BlobHead): Promise<boolean> {
  if ((await store.now()) - modifiedAt < limits.stallMs) return true
  if (Number(metadata.times) >= maxTimes) throw resultsMissing()
  return false
}

async function record({ store }: JobTools, blob: BlobReference, last: BlobHead | undefined): Promise<void> {
  if (last) await store.replace(blob, '', last.etag, { times: String(Number(last.metadata.times) + 1) })
  else await store.create(blob, '', { times: '1' })
}
