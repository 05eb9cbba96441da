import { serviceNamePattern } from '../../models/definition/service-name.ts'
import { partNumber } from '../limits.ts'
import { jobMessage } from '../message-queues.ts'
import { isActive, openJob } from '../open-job.ts'
import { AttemptLog } from '../score/attempt-log.ts'
import { parseRequestName } from '../score/request-name.ts'
import { jobIdPattern } from '../spec.ts'
import type { JobTools } from '../tools.ts'

/** The messages of the dead process may come back first: a host that restarts it hands them over. */
const delaySeconds = 3

/**
 * Writes into the attempt logs which rows were in the model when an earlier process of this machine ended, so that the search for the
 * culprit begins with these few, and has their chunks scored soon.
 *
 * @param names  of the requests that ran; those that are not of jobs are ignored
 */
export async function reportDeaths(tools: JobTools, names: readonly string[]): Promise<void> {
  for (const rows of names.map(parseRequestName)) {
    if (!rows) continue
    const { folder, chunk } = rows
    const [service = '', jobId = ''] = folder.split('/')
    // The record is a file, in which other programs of the machine may write.
    if (!serviceNamePattern.test(service) || !jobIdPattern.test(jobId)) continue
    const job = await openJob(tools, folder)
    if (!job || !isActive(job.state)) continue
    const attempts = new AttemptLog(tools.store, { folder, part: partNumber(chunk, tools.limits), chunk })
    await attempts.recordDeath(rows)
    tools.cache.storeSuspect(job.spec, chunk)
    tools.log(
      `job ${folder}: the process ended while rows ${rows.from} to ${rows.to - 1} of chunk ${chunk} were scored`,
    )
    await tools.queues.send('chunk', { ...jobMessage(folder), chunk, isRevival: true }, delaySeconds)
  }
}
