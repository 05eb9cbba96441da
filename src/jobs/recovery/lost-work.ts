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
 * What of a job that has not ended stands still for so long that its message was probably lost.
 *
 * @param changedAt  when the state was changed last
 * @param now  each by the clock of the storage
 */
export async function findLostWork(
  tools: JobTools,
  job: OpenJob,
  changedAt: number,
  now: number,
): Promise<LostMessage[]> {
  const { store, limits } = tools
  const { folder } = job.spec
  const { status } = job.state
  const stands = (since: number) => now - since >= limits.stallMs
  const finish: LostMessage = { queue: 'finish', message: jobMessage(folder), subject: 'finish', stage: status }
  if (!isActive(job.state)) return stands(changedAt) ? [finish] : []
  const plan = await listPlan(store, folder)
  const last = plan.at(-1)
  const lost: LostMessage[] = []
  if (status === 'NotStarted' || !last?.isLast) {
    const split: LostMessage = { queue: 'split', message: jobMessage(folder), subject: 'split', stage: plan.length }
    if (stands(last?.modifiedAt ?? changedAt)) lost.push(split)
  }
  const { slots, usualMs } = await openSlots(tools, folder, plan)
  // Where chunks take long, because they are slow or the queue is deep, one that takes three times as long is no sign yet.
  const patienceMs = Math.max(limits.stallMs, Math.min(3 * usualMs, limits.longestPauseMs))
  for (const { chunk, since } of slots) {
    const message = { ...jobMessage(folder), chunk, isRevival: true }
    const revival: LostMessage = { queue: 'chunk', message, subject: `slot ${chunk % limits.window}`, stage: chunk }
    const stands = async () => now - (await lastKeptAt(tools, folder, chunk)) >= patienceMs
    if (now - since >= patienceMs && (await stands())) lost.push(revival)
  }
  if (await totalsWhenAllDone(store, folder)) lost.push(finish)
  return lost
}

interface ChunkBuilder {
  readonly chunk: number
  /** Since when it could have been scored. */
  readonly since: number
}

/**
 * Closes parts whose results are all there on the way.
 *
 * @returns of each slot of the window the chunk that is next; and how long a slot usually takes for one, if that can be told
 */
async function openSlots(
  tools: JobTools,
  folder: JobFolder,
  plan: readonly ListedPart[],
): Promise<{ slots: ChunkBuilder[]; usualMs: number }> {
  const { store, limits } = tools
  const done = await listDone(store, folder)
  const committedAt = new Map<number, number>()
  const slots = new Map<number, ChunkBuilder>()
  for (const part of plan.filter(each => !isDone(each, done))) {
    let count = 0
    for await (const { chunk, modifiedAt } of listResults(store, folder, part.part)) {
      committedAt.set(chunk, modifiedAt)
      count++
    }
    if (count >= part.chunkCount) await closePart(store, folder, part.part, part.chunkCount)
    const first = part.part * limits.chunksPerPart
    for (let chunk = first; chunk < first + part.chunkCount; chunk++) {
      const slot = chunk % limits.window
      if (committedAt.has(chunk) || slots.has(slot)) continue
      const before = chunk - limits.window
      const handedOnAt = committedAt.get(before) ?? (before < 0 ? 0 : await committedAtOf(tools, folder, before))
      slots.set(slot, { chunk, since: Math.max(part.modifiedAt, handedOnAt) })
    }
    if (slots.size === limits.window) break
  }
  return { slots: [...slots.values()], usualMs: usualTime(committedAt, limits.window) }
}

/** When a chunk that takes several runs has last come further; 0 for others. */
async function lastKeptAt({ store, limits }: JobTools, folder: JobFolder, chunk: number): Promise<number> {
  const { container, path } = attemptBlob(folder, partNumber(chunk, limits), chunk, 'lines-')
  let keptAt = 0
  for await (const { modifiedAt } of store.list(container, path)) keptAt = Math.max(keptAt, modifiedAt)
  return keptAt
}

async function committedAtOf(tools: JobTools, folder: JobFolder, chunk: number): Promise<number> {
  return (await headResult(tools, folder, chunk))?.modifiedAt ?? 0
}

/** The median between the results of chunks that follow each other in a slot, in milliseconds. */
function usualTime(committedAt: ReadonlyMap<number, number>, window: number): number {
  const times = [...committedAt].flatMap(([chunk, at]) => {
    const before = committedAt.get(chunk - window)
    return before === undefined ? [] : [at - before]
  })
  return times.sort((a, b) => a - b)[Math.floor(times.length / 2)] ?? 0
}
