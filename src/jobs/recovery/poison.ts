/** Handles messages that failed too often, so that their job still ends. */
import { asJobFailure, JobFailure } from '../failure.ts'
import type { JobFolder } from '../layout.ts'
import { partNumber } from '../limits.ts'
import { type JobMessage, jobMessage, messageJobFolder } from '../message-queues.ts'
import { isActive, type OpenJob, openJob } from '../open-job.ts'
import { afterResult } from '../output/after-result.ts'
import { encodeChunk } from '../output/chunk-output.ts'
import { hasNextResult, writeResult } from '../output/chunk-result.ts'
import { chunkTable } from '../output/chunk-table.ts'
import { failJob } from '../output/end-job.ts'
import { resultLines } from '../output/result-lines.ts'
import { readPart, rowInFile } from '../plan-parts.ts'
import type { RowResult } from '../row-scorer.ts'
import { AttemptLog } from '../score/attempt-log.ts'
import type { ChunkMessage } from '../score/chunk-run.ts'
import type { JobTools } from '../tools.ts'

/** Times that a message reaches its poison queue before it is given up. */
const maxPoisoned = 3
const longestDelaySeconds = 600

const poisonedRow: RowResult = {
  code: 'CHUNK_POISONED',
  message: 'The chunk of this row failed too often; the log of the app says why.',
}

export async function poisonedChunk(tools: JobTools, message: ChunkMessage): Promise<void> {
  const { chunk } = message
  const folder = messageJobFolder(message)
  const job = await openJob(tools, folder)
  if (!job) return
  if (!isActive(job.state)) return sendFinish(tools, folder)
  // Each process that ended has narrowed the search for the culprit, so it counts for the chunk, not against it.
  const attempts = new AttemptLog(tools.store, { folder, part: partNumber(chunk, tools.limits), chunk })
  await attempts.read()
  const times = timesPoisoned(message) - attempts.deaths
  const again = { ...message, poisoned: timesPoisoned(message), isRevival: true, isRetry: true }
  if (times < maxPoisoned) return tools.queues.send('chunk', again, delayAfter(1))
  try {
    await giveUp(tools, job, chunk)
  } catch (failure) {
    const fatal = asJobFailure(failure, job.spec)
    if (!fatal && times < 2 * maxPoisoned) return tools.queues.send('chunk', again, delayAfter(times))
    // Not even the failure can be written, e.g. because the app may not write to the output.
    await failJob(tools, job, fatal ?? jobPoisoned('writing its results', failure))
  }
}

async function giveUp(tools: JobTools, job: OpenJob, chunk: number): Promise<void> {
  const part = await readPart(tools.store, job.spec.folder, partNumber(chunk, tools.limits))
  const planned = part?.chunks.find(each => each.chunk === chunk)
  if (!part || !planned) return // the sweeper enqueues it once it is planned
  tools.log(`job ${job.spec.folder}: chunk ${chunk} failed too often; its rows are written as failed (CHUNK_POISONED)`)
  const rows = Array.from({ length: planned.rowCount }, () => poisonedRow)
  const { folder } = job.spec
  const table = await chunkTable(tools, job.spec, { part, planned })
  const lines = resultLines(rows, rowInFile(planned), table.form)
  const results = await encodeChunk(lines, table, undefined)
  const own = await writeResult(tools, job.spec, planned, results)
  const goesOn = own !== undefined || !(await hasNextResult(tools, folder, chunk))
  const after = await afterResult(tools, job, { chunk, failed: results.failed, own, part, goesOn })
  if (after.chunk !== undefined) await tools.queues.send('chunk', { ...jobMessage(folder), chunk: after.chunk })
  if (after.finish) await tools.queues.send(after.finish.queue, after.finish.message)
}

export async function poisonedSplit(tools: JobTools, message: JobMessage): Promise<void> {
  const folder = messageJobFolder(message)
  const job = await openJob(tools, folder)
  if (!job) return
  if (!isActive(job.state)) return sendFinish(tools, folder)
  const times = timesPoisoned(message)
  if (times < maxPoisoned) return tools.queues.send('split', { ...message, poisoned: times }, delayAfter(times))
  await failJob(tools, job, jobPoisoned('dividing its input'))
}

export async function poisonedFinish(tools: JobTools, message: JobMessage): Promise<void> {
  const job = await openJob(tools, messageJobFolder(message))
  if (!job) return
  const times = timesPoisoned(message)
  // A job that is being finalized has all its results and perhaps its output, so it must not fail. It is retried without end,
  // and so is a cancellation.
  if (times < maxPoisoned || !isActive(job.state)) {
    return tools.queues.send('finish', { ...message, poisoned: times }, delayAfter(times))
  }
  await failJob(tools, job, jobPoisoned('counting its results'))
}

/** The message may have been the only one that the job had: its receivers may have died while they finished the job. */
function sendFinish({ queues }: JobTools, folder: JobFolder): Promise<void> {
  return queues.send('finish', jobMessage(folder))
}

function timesPoisoned({ poisoned }: JobMessage): number {
  return (poisoned ?? 0) + 1
}

function delayAfter(times: number): number {
  return Math.min(longestDelaySeconds, 15 * 2 ** times)
}

function jobPoisoned(step: string, cause?: unknown): JobFailure {
  return new JobFailure('JOB_POISONED', `${step} failed too often; the log of the app says why`, { cause })
}
