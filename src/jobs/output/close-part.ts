import type { SeenPart } from '../job-cache.ts'
import { donePartBlob } from '../layout.ts'
import { type JobStep, jobMessage } from '../message-queues.ts'
import { findPart, type PlanPart } from '../plan-parts.ts'
import type { AllResults } from '../results.ts'
import type { JobSpec } from '../spec.ts'
import type { JobTools } from '../tools.ts'
import { headResult } from './chunk-result.ts'
import { findAllResults, totalsWhenAllDone, withTotals, writeTotals } from './done-parts.ts'

/**
 * Commits first and looks then, so that the process that commits the last result sees that it is the last. A part that lacks a result,
 * and a job that has an open part, are mostly found by a look at one blob: a listing costs ten times as much, and in an emulator the more
 * the more blobs there are.
 *
 * @returns the step that finishes the job, if all results exist
 */
export async function closePartAndJob(tools: JobTools, spec: JobSpec, part: PlanPart): Promise<JobStep | undefined> {
  const { store, cache } = tools
  const seen = cache.seen(spec, part.part)
  if (await lacksResult(tools, spec, part)) return undefined
  const listed = { part: part.part, chunkCount: part.chunks.length }
  const all = ownResults(seen, part) ?? (await findAllResults(store, spec.folder, listed, seen.results))
  seen.isClosed = all !== undefined
  if (!all) return undefined
  const isOnly = part.part === 0 && part.isLast
  // The only part needs no record of its end: the job ends at once, and otherwise the step that ends it lists the part.
  if (!isOnly) await writeTotals(store, spec.folder, { part: part.part, totals: all.totals })
  const found = isOnly ? all : await findTotals(tools, spec, part)
  return found && { queue: 'finish', message: jobMessage(spec.folder), found }
}

/** @returns undefined when another process has written one of the results */
function ownResults({ own }: SeenPart, { chunks }: PlanPart): AllResults | undefined {
  const results = chunks.map(({ chunk }) => own.get(chunk)).filter(result => result !== undefined)
  return results.length === chunks.length ? withTotals(results) : undefined
}

async function findTotals(tools: JobTools, spec: JobSpec, part: PlanPart): Promise<AllResults | undefined> {
  if (await isNextOpen(tools, spec, part)) return undefined
  const totals = await totalsWhenAllDone(tools.store, spec.folder)
  return totals && { totals }
}

/**
 * Looks for the result that probably comes last: that of the last chunk at the position of the window that is behind the others, as far
 * as this process has seen.
 *
 * @returns whether it is missing; otherwise only a listing can tell whether all exist
 */
async function lacksResult(tools: JobTools, spec: JobSpec, { part, chunks }: PlanPart): Promise<boolean> {
  const { results } = tools.cache.seen(spec, part)
  const end = chunks.at(-1)?.chunk ?? 0
  const { window } = tools.limits
  const lastAtPosition = (chunk: number) => chunk + window * Math.floor((end - chunk) / window)
  const behind = chunks.find(({ chunk }) => !results.has(chunk) && !results.has(lastAtPosition(chunk)))
  return behind !== undefined && (await headResult(tools, spec.folder, lastAtPosition(behind.chunk))) === undefined
}

/** Whether the part behind a closed one is open, or not planned yet. Who closes it, or plans the last one, looks again. */
async function isNextOpen(tools: JobTools, spec: JobSpec, { part, isLast, next }: PlanPart): Promise<boolean> {
  if (isLast) return false
  const following = await findPart(tools, spec, next.chunk)
  if (!following) return true
  // A part without chunks is never closed.
  return following.chunks.length > 0 && !(await tools.store.head(donePartBlob(spec.folder, part + 1)))
}
