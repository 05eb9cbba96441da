import { JobMessage, messageJobFolder } from './message-queues.ts'
import { finishJob } from './output/finish-job.ts'
import type { PlanTools } from './plan/job-input.ts'
import { splitInput } from './plan/split-job.ts'
import { poisonedChunk, poisonedFinish, poisonedSplit } from './recovery/poison.ts'
import { sweepJobs } from './recovery/sweep.ts'
import { type ChunkMessage, type ScoreTools, scoreChunk } from './score/score-chunk.ts'
import type { JobTools } from './tools.ts'

/** What moves jobs on: one method per queue, each safe to be called twice, late, and in any order. */
export interface JobSteps {
  split(message: unknown): Promise<void>
  /** @param attempt  how often the message has been received, from 1 */
  chunk(message: unknown, attempt: number): Promise<void>
  finish(message: unknown): Promise<void>
  /** A message that came to the poison queue of `step`. */
  poisoned(step: 'split' | 'chunk' | 'finish', message: unknown): Promise<void>
  /** Brings back what was dropped. */
  sweep(): Promise<void>
}

export type StepTools = PlanTools & ScoreTools

/** The steps of jobs, over whatever stores, queues and scores. */
export function createJobSteps(tools: StepTools): JobSteps {
  const { window, chunksPerPart } = tools.limits
  // Else a part could be without results though a later one has some, and what is derived from listings would be wrong.
  if (window > chunksPerPart) throw new Error(`a window of ${window} chunks is wider than a part of ${chunksPerPart}`)

  const on =
    (step: (tools: StepTools, message: JobMessage) => Promise<void>) =>
    async (message: unknown): Promise<void> => {
      const known = readMessage(tools, message)
      if (known) await step(tools, known)
    }
  const onChunk =
    (step: (tools: StepTools, message: ChunkMessage, attempt: number) => Promise<void>) =>
    async (message: unknown, attempt = 1): Promise<void> => {
      const known = readMessage(tools, message)
      if (known && hasChunk(known)) await step(tools, known, attempt)
      else if (known) tools.log(`job ${messageJobFolder(known)}: a message names no chunk; it is dropped`)
    }
  const poisoned = { split: on(poisonedSplit), chunk: onChunk(poisonedChunk), finish: on(poisonedFinish) }
  return {
    split: on(splitInput),
    chunk: onChunk(scoreChunk),
    finish: on(finishJob),
    poisoned: (step, message) => poisoned[step](message),
    sweep: () => sweepJobs(tools),
  }
}

function hasChunk(message: JobMessage): message is ChunkMessage {
  return message.chunk !== undefined
}

/** @returns undefined: one line was logged; no retry makes such a message better, so nothing is thrown */
function readMessage({ log }: JobTools, message: unknown): JobMessage | undefined {
  const { data } = JobMessage.safeParse(typeof message === 'string' ? parsed(message) : message)
  if (data) return data
  log('a message on a queue of jobs is none of ours; it is dropped')
  return undefined
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
