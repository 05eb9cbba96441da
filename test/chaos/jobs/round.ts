import { setTimeout as delay } from 'node:timers/promises'
import type { Dice } from './dice.ts'
import type { Hosts } from './hosts.ts'
import { type ChaosJob, type KnownRow, makeJob } from './job-maker.ts'
import type { TrueStorage } from './true-storage.ts'
import { type EndOfJob, faultsOf, strangersContent } from './verdict.ts'

export interface RoundContext {
  readonly hosts: Hosts
  readonly storage: TrueStorage
  readonly pool: readonly KnownRow[]
  /** Share of storage calls that fail, 0 to 1. */
  setFaultRate(rate: number): void
}

export interface FinishedJob {
  readonly job: ChaosJob
  readonly end: EndOfJob
  readonly output: string | undefined
  readonly faults: readonly string[]
}

const ended = ['Completed', 'Failed', 'Canceled']
/** A job of which nothing has been heard for so long, with all faults gone, never ends. */
const longestMs = 180_000

/** Some jobs at once, while processes die and storage fails; then quiet, until all have ended. */
export async function runRound(round: string, dice: Dice, context: RoundContext): Promise<FinishedJob[]> {
  const jobs = Array.from({ length: dice.from(1, 4) }, (_, at) => makeJob(dice.fork(), `${round}-${at}`, context.pool))
  const [finished] = await Promise.all([
    Promise.all(jobs.map(job => runJob(job, dice.fork(), context))),
    makeTrouble(dice.fork(), context),
  ])
  return finished
}

async function makeTrouble(dice: Dice, { hosts, setFaultRate }: RoundContext): Promise<void> {
  setFaultRate(dice.oneOf([0, 0, 0.02, 0.1, 0.25]))
  const blows = dice.from(0, 4)
  for (let blow = 0; blow < blows; blow++) {
    await delay(dice.from(0, 1500))
    if (dice.chance(0.8)) hosts.kill(dice)
    else await hosts.pause(dice, dice.from(200, 6000))
  }
  await delay(dice.from(0, 1000))
  setFaultRate(0)
}

async function runJob(job: ChaosJob, dice: Dice, context: RoundContext): Promise<FinishedJob> {
  const { storage } = context
  if (job.file) await storage.write(job.file.blob, job.file.content)
  await submit(job, dice, context)
  const mishap = doMishap(job, dice, context)
  const { end, firstEnd } = await awaitEnd(job, dice, context)
  const isForeign = await mishap
  const output = await storage.read(job.output.blob)
  const faults = faultsOf(job, end, output, isForeign)
  if (firstEnd !== end.status) faults.push(`it was ${firstEnd}, and is ${end.status} now`)
  return { job, end, output, faults }
}

/** Repeats a submission until it has an answer. A host may die before it answers; the same id makes that harmless. */
async function submit(job: ChaosJob, dice: Dice, context: RoundContext): Promise<void> {
  if (job.by !== 'http') {
    const text = JSON.stringify(job.submission)
    await context.storage.send('scoring-jobs', job.by === 'plain message' ? text : Buffer.from(text).toString('base64'))
    return
  }
  for (;;) {
    const answer = await call(job, '', dice, context, 'POST', JSON.stringify(job.submission))
    // 200: it was taken before, by a host that died before it answered, and has ended since.
    if (answer?.status === 202 || answer?.status === 200) return
    if (answer && answer.status < 500)
      throw new Error(`submission answered with ${answer.status} ${JSON.stringify(answer.body)}`)
    await delay(50)
  }
}

/** @returns whether a stranger wrote where the output goes */
async function doMishap(job: ChaosJob, dice: Dice, context: RoundContext): Promise<boolean> {
  if (!job.mishap) return false
  await delay(job.mishapAfterMs)
  const { storage } = context
  switch (job.mishap) {
    case 'cancel':
      await call(job, `/${job.jobId}`, dice, context, 'DELETE')
      return false
    case 'input changes':
      if (job.file) await storage.write(job.file.blob, job.file.content)
      return false
    case 'output appears':
      return storage.writeNew(job.output.blob, strangersContent)
    case 'duplicates':
      for (let each = 0; each < 6; each++) {
        const chunk = dice.from(0, 40)
        await storage.send('scoring-job-chunk', JSON.stringify({ service: job.service, jobId: job.jobId, chunk }))
        await storage.send(
          dice.oneOf(['scoring-job-split', 'scoring-job-finish']),
          JSON.stringify({ service: job.service, jobId: job.jobId }),
        )
      }
      return false
    case 'submitted twice':
      await call(job, '', dice, context, 'POST', JSON.stringify(job.submission))
      return false
  }
}

async function awaitEnd(job: ChaosJob, dice: Dice, context: RoundContext) {
  let until = Date.now() + longestMs
  let last = ''
  let firstEnd: string | undefined
  for (;;) {
    const answer = await call(job, `/${job.jobId}`, dice, context)
    if (answer?.status === 200) {
      const end = answer.body as EndOfJob
      const now = JSON.stringify(end.progress)
      if (now !== last) until = Date.now() + longestMs
      last = now
      // Asked once more a little later: what has ended stays as it is.
      if (firstEnd !== undefined) return { end, firstEnd }
      if (ended.includes(end.status)) firstEnd = end.status
    }
    if (Date.now() > until) {
      const waiting = JSON.stringify(await context.storage.waiting())
      const files = (await context.storage.list('jobs', `${job.service}/${job.jobId}/`)).join('\n')
      throw new Error(
        `${job.jobId} never ended: ${JSON.stringify(answer)}; in queues: ${waiting}; its blobs:\n${files}\n${context.hosts.output}`,
      )
    }
    await delay(firstEnd === undefined ? 150 : 300)
  }
}

/** @returns undefined: no answer, as the host died meanwhile */
async function call(
  job: ChaosJob,
  path: string,
  dice: Dice,
  { hosts }: RoundContext,
  method = 'GET',
  body?: string,
): Promise<{ status: number; body: unknown } | undefined> {
  try {
    const url = await hosts.anyUrl(dice)
    const response = await fetch(`${url}/api/v1/service/${job.service}/jobs${path}`, {
      method,
      ...(body === undefined ? {} : { body, headers: { 'content-type': 'application/json' } }),
      signal: AbortSignal.timeout(10_000),
    })
    return { status: response.status, body: await response.json() }
  } catch {
    return undefined
  }
}
