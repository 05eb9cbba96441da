import type { BlobStore } from '../blob-store.ts'
import type { JobFolder } from '../layout.ts'
import { type ListedPart, listPlan } from '../plan-parts.ts'
import type { ResultTotals } from '../results.ts'
import { isCopied, type JobSpec } from '../spec.ts'
import type { JobProgress, JobState } from '../state.ts'
import { addTotals, isDone, listDone, noResults, totalPart } from './done-parts.ts'

/** Derives the progress of a job from what is committed. The progress of a job that has ended is in its state. */
export async function readProgress(store: BlobStore, spec: JobSpec, state: JobState): Promise<JobProgress> {
  if (state.progress) return state.progress
  const plan = await listPlan(store, spec.folder)
  const done = await listDone(store, spec.folder)
  const totals = await totalsSoFar(store, spec.folder, { plan, done })
  const rows = plan.reduce((sum, part) => sum + part.rows, 0)
  return {
    rows,
    succeeded: totals.rows - totals.failed,
    failed: totals.failed,
    chunks: plan.reduce((sum, part) => sum + part.chunkCount, 0),
    chunksDone: totals.chunks,
    percent: percentDone(spec, plan, { rows, rowsDone: totals.rows }),
    ...(spec.input.fileCount !== undefined && {
      files: spec.input.fileCount,
      filesDone: filesDone(plan, done, spec.input.fileCount),
    }),
  }
}

/** The progress of a job whose rows all have results. */
export function fullProgress({ input: { fileCount } }: JobSpec, { chunks, rows, failed }: ResultTotals): JobProgress {
  return {
    ...{ rows, succeeded: rows - failed, failed, chunks, chunksDone: chunks, percent: 100 },
    ...(fileCount !== undefined && { files: fileCount, filesDone: fileCount }),
  }
}

/** Each part begins where the one before it ends, so files are done as far as parts are done without a gap. */
function filesDone(plan: readonly ListedPart[], done: ReadonlyMap<number, ResultTotals>, fileCount: number): number {
  const open = plan.findIndex(part => !isDone(part, done))
  const last = plan[open < 0 ? plan.length - 1 : open - 1]
  return last?.isLast ? fileCount : (last?.files ?? 0)
}

/** Open parts that are listed at a time. */
const parallelLists = 4

async function totalsSoFar(
  store: BlobStore,
  folder: JobFolder,
  { plan, done }: { readonly plan: readonly ListedPart[]; readonly done: ReadonlyMap<number, ResultTotals> },
): Promise<ResultTotals> {
  let totals = [...done.values()].reduce(addTotals, noResults)
  const open = plan.filter(part => !isDone(part, done))
  for (let at = 0; at < open.length; at += parallelLists) {
    const parts = open.slice(at, at + parallelLists)
    const listed = await Promise.all(parts.map(({ part }) => totalPart(store, folder, part)))
    totals = listed.reduce(addTotals, totals)
    // Each position of the window goes through all parts in order, so later parts have no results either.
    if (listed.some(({ chunks }) => chunks === 0)) break
  }
  return totals
}

/** By rows once all are planned, before that by the share of the input that is planned. */
function percentDone(
  { input }: JobSpec,
  plan: readonly ListedPart[],
  { rows, rowsDone }: { readonly rows: number; readonly rowsDone: number },
): number {
  const last = plan.at(-1)
  if (!last) return 0
  const share = rows === 0 ? 1 : rowsDone / rows
  if (last.isLast) return toPercent(share)
  // The length of compressed text is not known before its end.
  return isCopied(input) ? 0 : toPercent(share * Math.min(1, last.offset / input.bytes))
}

/** Percent with one decimal, rounded down, so that only a complete job has 100. */
function toPercent(share: number): number {
  return Math.floor(share * 1000) / 10
}
