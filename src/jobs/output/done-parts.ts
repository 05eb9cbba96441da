/** Which results are there. Whoever commits one lists afterwards, so whoever commits the last one sees all of them. */
import type { BlobStore } from '../blob-store.ts'
import { donePartBlob, donePrefix, type JobFolder, jobsContainer, lastNumber, resultsPrefix } from '../layout.ts'
import { type ListedPart, listPlan } from '../plan-parts.ts'

/** The result of one chunk, as the listing tells of it. */
export interface ListedResult {
  readonly chunk: number
  readonly rows: number
  readonly failed: number
  readonly bytes: number
  /** Index of its first row in the whole input. */
  readonly first: number
  /** Under which it was staged for the output. */
  readonly block: string
  readonly modifiedAt: number
}

/** Counts of several results. */
export interface ResultTotals {
  readonly chunks: number
  readonly rows: number
  readonly failed: number
  readonly bytes: number
}

/** In the order of the chunks. @param part  undefined: of all parts */
export async function* listResults(store: BlobStore, folder: JobFolder, part?: number): AsyncIterable<ListedResult> {
  for await (const { path, metadata, bytes, modifiedAt } of store.list(jobsContainer, resultsPrefix(folder, part))) {
    yield {
      chunk: lastNumber(path),
      rows: Number(metadata.rows),
      failed: Number(metadata.failed),
      bytes,
      first: Number(metadata.first),
      block: metadata.block as string,
      modifiedAt,
    }
  }
}

export const noResults: ResultTotals = { chunks: 0, rows: 0, failed: 0, bytes: 0 }

export function addTotals(one: ResultTotals, { chunks, rows, failed, bytes }: ResultTotals): ResultTotals {
  return {
    chunks: one.chunks + chunks,
    rows: one.rows + rows,
    failed: one.failed + failed,
    bytes: one.bytes + bytes,
  }
}

export async function totalPart(store: BlobStore, folder: JobFolder, part: number): Promise<ResultTotals> {
  let sums = noResults
  for await (const result of listResults(store, folder, part)) sums = addTotals(sums, { ...result, chunks: 1 })
  return sums
}

/** By the number of the part. */
export async function listDone(store: BlobStore, folder: JobFolder): Promise<Map<number, ResultTotals>> {
  const done = new Map<number, ResultTotals>()
  for await (const { path, metadata } of store.list(jobsContainer, donePrefix(folder))) {
    const [chunks, rows, failed, bytes] = [metadata.chunks, metadata.rows, metadata.failed, metadata.bytes].map(Number)
    done.set(lastNumber(path), { chunks, rows, failed, bytes } as ResultTotals)
  }
  return done
}

/** Writes the sums of a part whose results are all there. @returns whether they are */
export async function closePart(
  store: BlobStore,
  folder: JobFolder,
  part: number,
  chunkCount: number,
): Promise<boolean> {
  const sums = await totalPart(store, folder, part)
  if (sums.chunks < chunkCount) return false
  const metadata = Object.fromEntries(Object.entries(sums).map(([name, value]) => [name, String(value)]))
  await store.create(donePartBlob(folder, part), '', metadata)
  return true
}

/**
 * The sums of a job whose plan is complete and whose results are all there. What is listed never shrinks, and everybody who
 * adds to it lists afterwards: the end of the plan may come after all results.
 *
 * @returns undefined: not all of them
 */
export async function totalsWhenAllDone(store: BlobStore, folder: JobFolder): Promise<ResultTotals | undefined> {
  const done = await listDone(store, folder)
  const plan = await listPlan(store, folder)
  if (!plan.at(-1)?.isLast || !plan.every(part => isDone(part, done))) return undefined
  return [...done.values()].reduce(addTotals, noResults)
}

/** A part without chunks has nobody who would write its sums. */
export function isDone({ part, chunkCount }: ListedPart, done: ReadonlyMap<number, ResultTotals>): boolean {
  return chunkCount === 0 || done.has(part)
}
