import { JobMessage, messageJobFolder } from './message-queues.ts'
import { finishJob } from './output/finish-job.ts'
import type { PlanTools } from './plan/job-input.ts'
import { splitInput } from './plan/split-job.ts'
import { poisonedChunk, poisonedFinish, poisonedSplit } from './recovery/poison.ts'
import { sweepJobs } from './recovery/sweep.ts'
import { type ChunkMessage, type ScoreTools, scoreChunk } from './score/score-chunk.ts'

/** The steps of jobs, one for each queue. Each may run twice, late, and in any order. */
export interface JobSteps {
  split(message: unknown): Promise<void>
  /** @param deliveryCount  how often the message has been received, from 1 */
  chunk(message: unknown, deliveryCount: number): Promise<void>
  finish(message: unknown): Promise<void>
  /** Handles a message on the poison queue of `step`. */
  poisoned(step: 'split' | 'chunk' | 'finish', message: unknown): Promise<void>
  /** Re-enqueues the messages of steps that stand still. */
  sweep(): Promise<void>
}

export type StepTools = PlanTools & ScoreTools

export function createJobSteps(tools: StepTools): JobSteps {
  const { window, chunksPerPart } = tools.limits
  // In a wider window, a part could have no results while a later one has some. Progress relies on the opposite.
  if (window > chunksPerPart) throw new Error(`a window of ${window} chunks is wider than a part of ${chunksPerPart}`)

  const on =
    (step: (tools: StepTools, message: JobMessage) => Promise<void>) =>
    async (content: unknown): Promise<void> => {
      const message = parseMessage(tools, content)
      if (message) await step(tools, message)
    }
  const onChunk =
    (step: (tools: StepTools, message: ChunkMessage, deliveryCount: number) => Promise<void>) =>
    async (content: unknown, deliveryCount = 1): Promise<void> => {
      const message = parseMessage(tools, content)
      if (message && hasChunk(message)) await step(tools, message, deliveryCount)
      else if (message) tools.log(`job ${messageJobFolder(message)}: dropped a chunk message without a chunk number`)
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

/** @returns undefined when it is not a message of the app, which is logged. No retry would help, so nothing is thrown. */
function parseMessage({ log }: StepTools, content: unknown): JobMessage | undefined {
  const { data } = JobMessage.safeParse(typeof content === 'string' ? parseJson(content) : content)
  if (data) return data
  log('dropped a message on a job queue that the app did not send')
  return undefined
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
