import { attemptBlob, type JobFolder } from '../layout.ts'
import { partNumber } from '../limits.ts'
import { jobMessage } from '../message-queues.ts'
import { isActive, type OpenJob } from '../open-job.ts'
import { headResult } from '../output/chunk-result.ts'
import { closePart, isDone, listDone, listResults, totalsWhenAllDone } from '../output/done-parts.ts'
import { type ListedPart, listPlan } from '../plan-parts.ts'
import type { JobTools } from '../tools.ts'
import type { LostMessage } from './sweep-memory.ts'

/**
 * Finds steps of a job that have made no progress for so long that their message was probably lost.
 *
 * @param changedAt  last change of the state
 * @param now  both by the clock of the storage
 */
export async function findLostWork(
  tools: JobTools,
  job: OpenJob,
  { changedAt, now }: { readonly changedAt: number; readonly now: number },
): Promise<LostMessage[]> {
  const { store, limits } = tools
  const { folder } = job.spec
  const { status } = job.state
  const isStalled = (since: number) => now - since >= limits.stallMs
  const finish: LostMessage = { queue: 'finish', message: jobMessage(folder), subject: 'finish', stage: status }
  if (!isActive(job.state)) return isStalled(changedAt) ? [finish] : []
  const plan = await listPlan(store, folder)
  const last = plan.at(-1)
  const lost: LostMessage[] = []
  if (status === 'NotStarted' || !last?.isLast) {
    const split: LostMessage = { queue: 'split', message: jobMessage(folder), subject: 'split', stage: plan.length }
    if (isStalled(last?.modifiedAt ?? changedAt)) lost.push(split)
  }
  const { chunks, usualMs } = await findNextChunks(tools, folder, plan)
  // If chunks take long, because the service is slow or the queue deep, a loss shows only after three times the usual time.
  const timeoutMs = Math.max(limits.stallMs, Math.min(3 * usualMs, limits.longestPauseMs))
  for (const { chunk, since } of chunks) {
    const message = { ...jobMessage(folder), chunk, isRevival: true }
    // Recorded under this subject since 0.1.0: the position in the window.
    const subject = `slot ${chunk % limits.window}`
    const isLost = async () => now - (await lastStoredAt(tools, folder, chunk)) >= timeoutMs
    if (now - since >= timeoutMs && (await isLost())) lost.push({ queue: 'chunk', message, subject, stage: chunk })
  }
  if (await totalsWhenAllDone(store, folder)) lost.push(finish)
  return lost
}

interface PendingChunk {
  readonly chunk: number
  /** Since when it could have been scored: milliseconds since 1970, by the clock of the storage. */
  readonly since: number
}

/**
 * Finds the next chunk at each position of the window, and closes parts whose results all exist.
 *
 * @returns also the usual time between two results at a position; 0 when it is not known
 */
async function findNextChunks(
  tools: JobTools,
  folder: JobFolder,
  plan: readonly ListedPart[],
): Promise<{ chunks: PendingChunk[]; usualMs: number }> {
  const { store, limits } = tools
  const done = await listDone(store, folder)
  const committedAt = new Map<number, number>()
  const next = new Map<number, PendingChunk>()
  for (const part of plan.filter(each => !isDone(each, done))) {
    let count = 0
    for await (const { chunk, modifiedAt } of listResults(store, folder, part.part)) {
      committedAt.set(chunk, modifiedAt)
      count++
    }
    if (count >= part.chunkCount) await closePart(store, folder, part)
    const first = part.part * limits.chunksPerPart
    for (let chunk = first; chunk < first + part.chunkCount; chunk++) {
      const position = chunk % limits.window
      if (committedAt.has(chunk) || next.has(position)) continue
      const previous = chunk - limits.window
      const enqueuedAt = committedAt.get(previous) ?? (previous < 0 ? 0 : await findCommitTime(tools, folder, previous))
      next.set(position, { chunk, since: Math.max(part.modifiedAt, enqueuedAt) })
    }
    if (next.size === limits.window) break
  }
  return { chunks: [...next.values()], usualMs: usualTime(committedAt, limits.window) }
}

/** When a chunk that takes several runs last stored results; 0 for other chunks. */
async function lastStoredAt({ store, limits }: JobTools, folder: JobFolder, chunk: number): Promise<number> {
  const { container, path } = attemptBlob(folder, partNumber(chunk, limits), chunk, 'lines-')
  let storedAt = 0
  for await (const { modifiedAt } of store.list(container, path)) storedAt = Math.max(storedAt, modifiedAt)
  return storedAt
}

async function findCommitTime(tools: JobTools, folder: JobFolder, chunk: number): Promise<number> {
  return (await headResult(tools, folder, chunk))?.modifiedAt ?? 0
}

/** Median time between consecutive results at a position of the window, in milliseconds. */
function usualTime(committedAt: ReadonlyMap<number, number>, window: number): number {
  const times = [...committedAt].flatMap(([chunk, at]) => {
    const previousAt = committedAt.get(chunk - window)
    return previousAt === undefined ? [] : [at - previousAt]
  })
  return times.sort((a, b) => a - b)[Math.floor(times.length / 2)] ?? 0
}
