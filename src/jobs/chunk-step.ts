import { afterResult } from './after-result.ts'
import { SomebodyIsAtIt, scoreCarefully } from './careful-chunk.ts'
import { CarefulTrail } from './careful-trail.ts'
import { headResult, writeResult } from './chunk-result.ts'
import { readChunkRows } from './chunk-rows.ts'
import { failJob } from './end-job.ts'
import type { PlannedChunk } from './input/planned-chunk.ts'
import { asJobFailure, JobFailure, JobStopped } from './job-failure.ts'
import { partOf } from './job-limits.ts'
import type { JobSpec } from './job-spec.ts'
import type { JobTools } from './job-tools.ts'
import type { JobMessage } from './message-queues.ts'
import { isWanted, type OpenJob, openJob, whileWanted } from './open-job.ts'
import { listPlan, type PlanPart, readPart } from './plan-parts.ts'
import type { RowResult } from './row-scorer.ts'

export type ChunkMessage = JobMessage & { readonly chunk: number }

/**
 * Scores the chunk of a message, commits its result and hands on.
 *
 * @param attempt  how often the message has been received, from 1
 * @throws what a retry may heal
 */
export async function scoreChunk(tools: JobTools, message: ChunkMessage, attempt: number): Promise<void> {
  const { store, limits } = tools
  const { jobId, chunk } = message
  const job = await openJob(tools, jobId)
  if (!job || !isWanted(job.state)) return
  const result = await headResult(tools, jobId, chunk)
  // A duplicate; but who received it before may have died between the result and what follows from it.
  if (result && attempt === 1) return
  const part = await readPart(store, jobId, partOf(chunk, limits))
  const planned = part?.chunks.find(each => each.chunk === chunk)
  if (!part || !planned) return waitForPlan(tools, message)
  if (result) return afterResult(tools, job, { chunk, failed: Number(result.metadata.failed), part }, false)
  try {
    const results = await scoreRows(tools, job.spec, part, planned, attempt > 1 || message.isRevival === true)
    const isOurs = await writeResult(tools, job.spec, planned, results)
    // Of two who did the same one hands on; on a retry that may be the one whose first try wrote the result.
    await followUp(tools, job, part, chunk, isOurs, attempt)
  } catch (failure) {
    await endOrRetry(tools, job, message, failure)
  }
}
