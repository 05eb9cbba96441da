import { headResult } from './chunk-result.ts'
import { closePart, isDone, listDone, listResults, sumsWhenAllDone } from './done-parts.ts'
import type { JobTools } from './job-tools.ts'
import { isWanted, type OpenJob } from './open-job.ts'
import { type ListedPart, listPlan } from './plan-parts.ts'
import type { Revival } from './sweep-memory.ts'

/**
 * What of a job that has not ended stands still for so long that its message was probably lost.
 *
 * @param changedAt  when the state was changed last
 * @param now  each by the clock of the storage
 */
export async function findLostWork(tools: JobTools, job: OpenJob, changedAt: number, now: number): Promise<Revival[]> {
  const { store, limits } = tools
  const { jobId } = job.spec
  const { status } = job.state
  const stands = (since: number) => now - since >= limits.stallMs
  const finish: Revival = { queue: 'finish', message: { jobId }, subject: 'finish', stage: status }
  if (!isWanted(job.state)) return stands(changedAt) ? [finish] : []
  const plan = await listPlan(store, jobId)
  const last = plan.at(-1)
  const lost: Revival[] = []
  if (status === 'NotStarted' || !last?.isLast) {
    const split: Revival = { queue: 'split', message: { jobId }, subject: 'split', stage: plan.length }
    if (stands(last?.modifiedAt ?? changedAt)) lost.push(split)
  }
  for (const { chunk, since } of await openSlots(tools, jobId, plan)) {
    const message = { jobId, chunk, isRevival: true }
    if (stands(since)) lost.push({ queue: 'chunk', message, subject: `slot ${chunk % limits.window}`, stage: chunk })
  }
  if (await sumsWhenAllDone(store, jobId)) lost.push(finish)
  return lost
}

interface OpenChunk {
  readonly chunk: number
  /** Since when it could have been scored. */
  readonly since: number
}

/** Of each slot of the window the chunk that is next; closes parts whose results are all there on the way. */
async function openSlots(tools: JobTools, jobId: string, plan: readonly ListedPart[]): Promise<OpenChunk[]> {
  const { store, limits } = tools
  const done = await listDone(store, jobId)
  const results = new Map<number, number>()
  const slots = new Map<number, OpenChunk>()
  for (const part of plan.filter(each => !isDone(each, done))) {
    let count = 0
    for await (const { chunk, modifiedAt } of listResults(store, jobId, part.part)) {
      results.set(chunk, modifiedAt)
      count++
    }
    if (count >= part.chunkCount) await closePart(store, jobId, part.part, part.chunkCount)
    const first = part.part * limits.chunksPerPart
    for (let chunk = first; chunk < first + part.chunkCount; chunk++) {
      const slot = chunk % limits.window
      if (results.has(chunk) || slots.has(slot)) continue
      const before = chunk - limits.window
      const handedOnAt = results.get(before) ?? (await headResult(tools, jobId, before))?.modifiedAt ?? 0
      slots.set(slot, { chunk, since: Math.max(part.modifiedAt, handedOnAt) })
    }
    if (slots.size === limits.window) break
  }
  return [...slots.values()]
}
