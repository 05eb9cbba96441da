import type { BlobStore } from '../blob-store.ts'
import type { JobFolder } from '../layout.ts'
import { type ListedPart, listPlan } from '../plan-parts.ts'
import { isCopied, type JobSpec } from '../spec.ts'
import type { JobProgress, JobState } from '../state.ts'
import { addTotals, isDone, listDone, noResults, type ResultTotals, totalPart } from './done-parts.ts'

/** How far a job has come: derived from what is committed, never counted up; when it has ended, as it was then. */
export async function readProgress(store: BlobStore, spec: JobSpec, state: JobState): Promise<JobProgress> {
  if (state.progress) return state.progress
  const plan = await listPlan(store, spec.folder)
  const sums = await totalsSoFar(store, spec.folder, plan)
  const rows = plan.reduce((sum, part) => sum + part.rows, 0)
  return {
    rows,
    succeeded: sums.rows - sums.failed,
    failed: sums.failed,
    chunks: plan.reduce((sum, part) => sum + part.chunkCount, 0),
    chunksDone: sums.chunks,
    percent: percentDone(spec, plan, rows, sums.rows),
  }
}

async function totalsSoFar(store: BlobStore, folder: JobFolder, plan: readonly ListedPart[]): Promise<ResultTotals> {
  const done = await listDone(store, folder)
  let sums = [...done.values()].reduce(addTotals, noResults)
  for (const part of plan.filter(each => !isDone(each, done))) {
    const begun = await totalPart(store, folder, part.part)
    // No result of a part, none of those after it: each slot of the window goes through all parts in order.
    if (begun.chunks === 0) break
    sums = addTotals(sums, begun)
  }
  return sums
}

/** By rows once they have been counted; before that by the share of the input that has been planned. */
function percentDone({ input }: JobSpec, plan: readonly ListedPart[], rows: number, rowsDone: number): number {
  const last = plan.at(-1)
  if (!last) return 0
  const share = rows === 0 ? 1 : rowsDone / rows
  if (last.isLast) return tenths(share)
  // Offsets in packed text say nothing about how much of it there is.
  return isCopied(input) ? 0 : tenths(share * Math.min(1, last.offset / input.bytes))
}

/** In percent, rounded down, so that only all of it is 100. */
function tenths(share: number): number {
  return Math.floor(share * 1000) / 10
}
