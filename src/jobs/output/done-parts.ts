/** The results of a job. A process lists them after it has committed one, so the last one to commit sees all of them. */
import type { BlobStore } from '../blob-store.ts'
import { donePartBlob, donePrefix, type JobFolder, jobsContainer, lastNumber, resultsPrefix } from '../layout.ts'
import { type ListedPart, listPlan } from '../plan-parts.ts'
import type { AllResults, KnownResult, ListedResult, ResultTotals } from '../results.ts'

/** Lists results in the order of the chunks. @param part  undefined lists all parts */
export async function* listResults(store: BlobStore, folder: JobFolder, part?: number): AsyncIterable<ListedResult> {
  for await (const { path, metadata, bytes, etag, modifiedAt } of store.list(
    jobsContainer,
    resultsPrefix(folder, part),
  )) {
    const [start, end] = [Number(metadata.start ?? 0), Number(metadata.end ?? bytes)]
    yield {
      ...{ bytes: end - start, start, end, etag },
      chunk: lastNumber(path),
      rows: Number(metadata.rows),
      failed: Number(metadata.failed),
      first: Number(metadata.first),
      file: Number(metadata.file ?? 0),
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

/** @param seen  gets the chunks that have a result */
export async function totalPart(
  store: BlobStore,
  folder: JobFolder,
  part: number,
  seen?: Set<number>,
): Promise<ResultTotals> {
  return (await findResults(store, folder, part, seen)).totals
}

async function findResults(
  store: BlobStore,
  folder: JobFolder,
  part: number,
  seen?: Set<number>,
): Promise<Required<AllResults>> {
  const results: KnownResult[] = []
  for await (const result of listResults(store, folder, part)) {
    results.push(result)
    seen?.add(result.chunk)
  }
  return withTotals(results)
}

/** @param results  in the order of the chunks */
export function withTotals(results: readonly KnownResult[]): Required<AllResults> {
  return { totals: results.reduce((sum, result) => addTotals(sum, { ...result, chunks: 1 }), noResults), results }
}

/** Reads the totals of all closed parts, by part number. */
export async function listDone(store: BlobStore, folder: JobFolder): Promise<Map<number, ResultTotals>> {
  const done = new Map<number, ResultTotals>()
  for await (const { path, metadata } of store.list(jobsContainer, donePrefix(folder))) {
    const [chunks, rows, failed, bytes] = [metadata.chunks, metadata.rows, metadata.failed, metadata.bytes].map(Number)
    done.set(lastNumber(path), { chunks, rows, failed, bytes } as ResultTotals)
  }
  return done
}

/**
 * Finds the results of a part if all of them exist.
 *
 * @param seen  gets the chunks that have a result
 * @returns undefined when one is missing
 */
export async function findAllResults(
  store: BlobStore,
  folder: JobFolder,
  { part, chunkCount }: Pick<ListedPart, 'part' | 'chunkCount'>,
  seen?: Set<number>,
): Promise<AllResults | undefined> {
  const found = await findResults(store, folder, part, seen)
  return found.totals.chunks < chunkCount ? undefined : found
}

/** Writes the totals of a part if all its results exist. @returns whether they do */
export async function closePart(
  store: BlobStore,
  folder: JobFolder,
  listed: Pick<ListedPart, 'part' | 'chunkCount'>,
): Promise<boolean> {
  const found = await findAllResults(store, folder, listed)
  if (found) await writeTotals(store, folder, { part: listed.part, totals: found.totals })
  return found !== undefined
}

/** Closes a part whose results all exist. */
export async function writeTotals(
  store: BlobStore,
  folder: JobFolder,
  { part, totals }: { readonly part: number; readonly totals: ResultTotals },
): Promise<void> {
  const metadata = Object.fromEntries(Object.entries(totals).map(([name, value]) => [name, String(value)]))
  await store.create(donePartBlob(folder, part), '', metadata)
}

/**
 * The totals of a job whose plan is complete and whose results all exist. Listings never shrink, and every process that adds to
 * them lists afterwards, so one of them sees the end, also if the plan is completed after all results.
 *
 * @returns undefined when something is missing
 */
export async function totalsWhenAllDone(store: BlobStore, folder: JobFolder): Promise<ResultTotals | undefined> {
  const done = await listDone(store, folder)
  const plan = await listPlan(store, folder)
  if (!plan.at(-1)?.isLast || !plan.every(part => isDone(part, done))) return undefined
  return [...done.values()].reduce(addTotals, noResults)
}

/** Closes the parts of a complete plan whose results all exist. @returns the totals of the job, if all do */
export async function closeParts(store: BlobStore, folder: JobFolder): Promise<ResultTotals | undefined> {
  const plan = await listPlan(store, folder)
  if (!plan.at(-1)?.isLast) return undefined
  const done = await listDone(store, folder)
  for (const part of plan.filter(each => !isDone(each, done))) {
    if (!(await closePart(store, folder, part))) return undefined
  }
  return totalsWhenAllDone(store, folder)
}

/** A part without chunks is never closed: no chunk would do it. */
export function isDone({ part, chunkCount }: ListedPart, done: ReadonlyMap<number, ResultTotals>): boolean {
  return chunkCount === 0 || done.has(part)
}
