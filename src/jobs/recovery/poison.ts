/** What becomes of messages that failed again and again: the job ends all the same. */

import { asJobFailure, JobFailure } from '../failure.ts'
import { partNumber } from '../limits.ts'
import { type JobMessage, messageJobFolder } from '../message-queues.ts'
import { isActive, type OpenJob, openJob } from '../open-job.ts'
import { afterResult } from '../output/after-result.ts'
import { writeResult } from '../output/chunk-result.ts'
import { failJob } from '../output/end-job.ts'
import { readPart } from '../plan-parts.ts'
import type { RowResult } from '../row-scorer.ts'
import { AttemptLog } from '../score/attempt-log.ts'
import type { ChunkMessage } from '../score/score-chunk.ts'
import type { JobTools } from '../tools.ts'

const mostPoisoned = 3
const longestDelaySeconds = 600

const poisonedRow: RowResult = {
  code: 'CHUNK_POISONED',
  message: 'The rows around this one could not be scored in many attempts; the log of the app says why.',
}

export async function poisonedChunk(tools: JobTools, message: ChunkMessage): Promise<void> {
  const { chunk } = message
  const folder = messageJobFolder(message)
  const job = await openJob(tools, folder)
  if (!job || !isActive(job.state)) return
  const part = partNumber(chunk, tools.limits)
  // Each death on the way to a bad row has brought the search further: it counts for the chunk, not against it.
  const trail = new AttemptLog(tools.store, folder, part, chunk)
  await trail.read()
  const times = timesPoisoned(message) - trail.deaths
  const again = { ...message, poisoned: timesPoisoned(message), isRevival: true }
  if (times < mostPoisoned) return tools.queues.send('chunk', again, delayAfter(1))
  try {
    await giveUp(tools, job, chunk)
  } catch (failure) {
    const fatal = asJobFailure(failure, job.spec)
    if (!fatal && times < 2 * mostPoisoned) return tools.queues.send('chunk', again, delayAfter(times))
    // Not even that can be written, e.g. because the app may not write where the output goes.
    await failJob(tools, job, fatal ?? jobPoisoned('writing its results', failure))
  }
}

async function giveUp(tools: JobTools, job: OpenJob, chunk: number): Promise<void> {
  const part = await readPart(tools.store, job.spec.folder, partNumber(chunk, tools.limits))
  const planned = part?.chunks.find(each => each.chunk === chunk)
  if (!part || !planned) return // the sweeper asks for it once it is planned
  tools.log(`job ${job.spec.folder}: chunk ${chunk} is given up: all its rows have failed`)
  const results = Array.from({ length: planned.rowCount }, () => poisonedRow)
  const isOurs = await writeResult(tools, job.spec, planned, results)
  await afterResult(tools, job, { chunk, failed: results.length, part }, isOurs ? 'always' : 'unlessDone')
}

export async function poisonedSplit(tools: JobTools, message: JobMessage): Promise<void> {
  const job = await openJob(tools, messageJobFolder(message))
  if (!job || !isActive(job.state)) return
  const times = timesPoisoned(message)
  if (times < mostPoisoned) return tools.queues.send('split', { ...message, poisoned: times }, delayAfter(times))
  await failJob(tools, job, jobPoisoned('dividing its input'))
}

export async function poisonedFinish(tools: JobTools, message: JobMessage): Promise<void> {
  const job = await openJob(tools, messageJobFolder(message))
  if (!job) return
  const times = timesPoisoned(message)
  // One that is being finalized has all its results, and may have its output at any moment: it cannot be said to have
  // failed. It is tried until it works, as is one that only has to be cancelled.
  if (times < mostPoisoned || !isActive(job.state)) {
    return tools.queues.send('finish', { ...message, poisoned: times }, delayAfter(times))
  }
  await failJob(tools, job, jobPoisoned('counting its results'))
}

function timesPoisoned({ poisoned }: JobMessage): number {
  return (poisoned ?? 0) + 1
}

function delayAfter(times: number): number {
  return Math.min(longestDelaySeconds, 15 * 2 ** times)
}

function jobPoisoned(what: string, cause?: unknown): JobFailure {
  return new JobFailure('JOB_POISONED', `${what} failed again and again; the log of the app says why`, { cause })
}
