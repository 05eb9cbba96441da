import { type JobMessage, messageJobFolder } from './message-queues.ts'
import { readMessage } from './open-job.ts'
import { finishJob } from './output/finish-job.ts'
import { splitInput } from './plan/split-job.ts'
import { poisonedChunk, poisonedFinish, poisonedSplit } from './recovery/poison.ts'
import { sweepJobs } from './recovery/sweep.ts'
import type { JobSteps } from './requests/job-view.ts'
import { type ChunkMessage, scoreChunk } from './score/score-chunk.ts'
import type { JobTools } from './tools.ts'

/** The steps of jobs, over whatever stores, queues and scores. */
export function createJobSteps(tools: JobTools): JobSteps {
  const { window, chunksPerPart } = tools.limits
  // Else a part could be without results though a later one has some, and what is derived from listings would be wrong.
  if (window > chunksPerPart) throw new Error(`a window of ${window} chunks is wider than a part of ${chunksPerPart}`)

  const on =
    (step: (tools: JobTools, message: JobMessage) => Promise<void>) =>
    async (message: unknown): Promise<void> => {
      const known = readMessage(tools, message)
      if (known) await step(tools, known)
    }
  const onChunk =
    (step: (tools: JobTools, message: ChunkMessage, attempt: number) => Promise<void>) =>
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
