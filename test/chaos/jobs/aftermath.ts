/** Once all is quiet: what has ended is as it was, nothing is left over, and time removes the rest. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Dice } from './dice.ts'
import { findEventFaults, listAwaited } from './event-faults.ts'
import type { EventReceiver } from './event-receiver.ts'
import { callUntilAnswered } from './job-call.ts'
import type { FinishedJob } from './job-run.ts'
import type { RoundContext } from './round.ts'
import { watchingService } from './services.ts'
import { listJobs, type WatchedFile } from './watched-file.ts'

export interface AftermathContext extends RoundContext {
  readonly receiver: EventReceiver
  /** Lets the clock of the storage run on. */
  addDays(days: number): void
}

export interface Finished {
  readonly jobs: readonly FinishedJob[]
  readonly watched: readonly WatchedFile[]
}

/** For so long what is left over may take to go. */
const longestMs = 90_000

export async function findLateFaults(finished: Finished, dice: Dice, context: AftermathContext): Promise<string[]> {
  const faults = [
    ...(await findLeftWork(context)),
    ...(await findLostEvents(finished, context)),
    ...(await findChangedOutputs(finished, context)),
    ...(await findWrongJobs(finished, dice, context)),
  ]
  if (faults.length > 0) return faults // what says why is not removed
  return [...(await findExpiredJobs(dice, context)), ...(await findChangedOutputs(finished, context, true))]
}

async function findLeftWork({ storage, receiver }: AftermathContext): Promise<string[]> {
  return repeat(async () => {
    await receiver.receive()
    const waiting = Object.entries(await storage.waiting()).map(
      ([queue, count]) => `${count} messages are left in ${queue}`,
    )
    const entries = [...(await storage.list('jobs', '_active/')), ...(await storage.list('jobs', '_events/'))]
    return [...waiting, ...entries.map(path => `jobs/${path} is left`)]
  })
}

async function findLostEvents({ jobs }: Finished, { receiver }: AftermathContext): Promise<string[]> {
  const lost = await repeat(async () => listAwaited(jobs, await receiver.receive()))
  return [
    ...lost.map(jobId => `${jobId} has ended, and its event never came`),
    ...findEventFaults(jobs, await receiver.receive()),
  ]
}

/** @param isOver  whether the jobs were deleted in the meantime, with what stands in their folders */
async function findChangedOutputs(
  { jobs }: Finished,
  { storage }: AftermathContext,
  isOver = false,
): Promise<string[]> {
  const faults: string[] = []
  for (const { job, outputs } of jobs)
    for (const [at, { blob }] of job.outputs.entries()) {
      const before = isOver && blob.startsWith('jobs/') ? undefined : outputs[at]
      const now = await storage.read(blob)
      if (before === undefined ? now !== undefined : !now?.equals(before))
        faults.push(
          `${job.jobId}: ${blob} changed after the end of the job, from ${before?.length} bytes to ${now?.length}`,
        )
    }
  return faults
}

/** Deleted jobs do not come back, and a file that was reported several times has one job. */
async function findWrongJobs(
  { jobs, watched }: Finished,
  dice: Dice,
  { hosts, storage }: AftermathContext,
): Promise<string[]> {
  const faults: string[] = []
  for (const { job, end } of jobs) {
    if (!job.isDeleted && end.status !== 'Deleted') continue
    const { status } = await callUntilAnswered(hosts, dice, { service: job.service, path: `/${job.jobId}` })
    if (status !== 404)
      faults.push(`${job.jobId} was deleted, and is there again: its status is answered with ${status}`)
  }
  for (const file of watched) {
    const { length } = await listJobs(file, storage)
    if (length !== (file.isDeleted ? 0 : 1)) faults.push(`${file.blob} has ${length} jobs after all was quiet`)
  }
  return faults
}

/** More than a month later nothing is stored of any job, though processes die while jobs are removed. */
async function findExpiredJobs(
  dice: Dice,
  { storage, hosts, addDays, setFaultRate }: AftermathContext,
): Promise<string[]> {
  addDays(40)
  setFaultRate(0.05)
  for (let blow = 0; blow < 3; blow++) {
    await delay(dice.from(500, 2500))
    hosts.kill(dice, 'host')
  }
  setFaultRate(0)
  const left = await repeat(async () => {
    addDays(0.01) // the pause between two looks
    return storage.list('jobs', '')
  })
  const faults = left.slice(0, 20).map(path => `jobs/${path} is left of a job 40 days later`)
  for (const service of ['sum', 'diabetes', watchingService]) {
    const { body } = await callUntilAnswered(hosts, dice, { service })
    const { jobs } = body as { jobs: unknown[] }
    if (jobs.length > 0) faults.push(`${service} lists ${jobs.length} jobs 40 days later`)
  }
  return faults
}

/** @returns what is found at last, if it does not go in time */
async function repeat(find: () => Promise<string[]>): Promise<string[]> {
  let until = Date.now() + longestMs
  let fewest = Number.POSITIVE_INFINITY
  for (;;) {
    const found = await find()
    if (found.length < fewest) until = Date.now() + longestMs
    fewest = Math.min(fewest, found.length)
    if (found.length === 0 || Date.now() > until) return found
    await delay(500)
  }
}
