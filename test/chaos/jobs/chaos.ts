import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { startAzurite } from '../../../src/host/azurite/local-storage.ts'
import { copyOfApp } from '../../support/running-app.ts'
import { makeServices } from '../../support/service-folder.ts'
import { startFaultyStorage } from '../faulty-storage.ts'
import { Dice } from './dice.ts'
import { Hosts } from './hosts.ts'
import type { KnownRow } from './job-maker.ts'
import { type FinishedJob, runRound } from './round.ts'
import { chaosServices } from './services.ts'
import { TrueStorage } from './true-storage.ts'

export interface ChaosOptions {
  readonly rounds: number
  readonly seed: number
  readonly hostCount: number
  /** An empty folder for its files, which the caller removes. */
  readonly folder: string
  readonly log: (line: string) => void
}

export interface ChaosReport {
  /** What was promised and did not hold; empty: all is well. */
  readonly faults: readonly string[]
  readonly jobs: number
  readonly rows: number
}

/** So that a killed process costs seconds, not the ten minutes and the one minute of Azure. */
const hastyTimes = {
  SCORING_HOST_QUEUE_INVISIBILITY_MS: '4000',
  SCORING_HOST_QUEUE_MAX_POLLING_MS: '300',
  SCORING_JOB_SWEEP: '*/2 * * * * *',
  SCORING_JOB_STALL_MS: '3000',
}

/** Rounds of jobs under faults; every promise about their output is checked. */
export async function chaos({ rounds, seed, hostCount, folder, log }: ChaosOptions): Promise<ChaosReport> {
  const cleanUps: (() => unknown)[] = []
  const after = { onTestFinished: (cleanUp: () => unknown) => void cleanUps.unshift(cleanUp) }
  const dice = new Dice(seed)
  log(`seed ${seed}: ${rounds} rounds on ${hostCount} hosts`)
  try {
    const azurite = await startAzurite(join(folder, 'azurite'), log)
    after.onTestFinished(() => azurite.stop())
    const faulty = await startFaultyStorage(azurite.connectionString, seed)
    after.onTestFinished(() => faulty.stop())
    const storage = new TrueStorage(azurite.connectionString)
    await storage.makeContainers('input', 'output', 'jobs')
    const appRoot = await copyOfApp(after)
    await shortenRetries(appRoot)
    const hosts = new Hosts({
      count: hostCount,
      appRoot,
      environment: {
        SCORING_MODELS: await makeServices(chaosServices, after),
        AzureWebJobsStorage: faulty.connectionString,
        ...hastyTimes,
      },
    })
    after.onTestFinished(() => hosts.stop())
    await hosts.start()
    const pool = await knownRows(hosts, dice)
    const context = { hosts, storage, pool, setFaultRate: (rate: number) => faulty.setRate(rate) }
    const finished: FinishedJob[] = []
    const faults: string[] = []
    for (let round = 0; round < rounds; round++) {
      const jobs = await runRound(`s${seed}r${round}`, dice.fork(), context)
      finished.push(...jobs)
      for (const { job, faults: found } of jobs) for (const fault of found) faults.push(`${job.jobId}: ${fault}`)
      const ends = jobs.map(({ end, job }) => `${job.expected.length} rows ${end.error?.code ?? end.status}`)
      log(`round ${round + 1}: ${ends.join(', ')}`)
      for (const fault of faults.splice(0)) throw new Error(`broken promise: ${fault}\n${hosts.output}`)
    }
    faults.push(...(await faultsAtTheEnd(storage, finished)))
    const rows = finished.reduce((sum, { job }) => sum + job.expected.length, 0)
    const { killed, crashed } = hosts.deaths
    const statuses = Object.entries(Object.groupBy(finished, ({ end }) => end.error?.code ?? end.status))
    log(
      `${finished.length} jobs with ${rows} rows: ${statuses.map(([how, jobs]) => `${jobs?.length} ${how}`).join(', ')}`,
    )
    log(
      `${killed + crashed} deaths of hosts, ${hosts.pauses} pauses, ${faulty.faultCount} faults of storage; seed ${seed}`,
    )
    for (const fault of faults) log(`BROKEN: ${fault}`)
    log(faults.length === 0 ? 'every row exactly once' : `${faults.length} promises broken`)
    return { faults, jobs: finished.length, rows }
  } finally {
    for (const cleanUp of cleanUps) await cleanUp()
  }
}

/** A message whose step has failed comes back after a second. */
async function shortenRetries(appRoot: string): Promise<void> {
  const file = join(appRoot, 'host.json')
  const text = await readFile(file, 'utf8')
  await writeFile(file, text.replace('"visibilityTimeout": "00:00:30"', '"visibilityTimeout": "00:00:01"'))
}

/** Rows of `diabetes` with what the service scores for each alone. */
async function knownRows(hosts: Hosts, dice: Dice): Promise<KnownRow[]> {
  const url = `${await hosts.anyUrl(dice)}/api/v1/service/diabetes/score`
  while ((await fetch(url.replace(/\/score$/, ''))).status !== 200) await delay(50)
  const pool: KnownRow[] = []
  for (let each = 0; each < 100; each++) {
    const values = Array.from({ length: 10 }, () => dice.next() / 5 - 0.1)
    const body = JSON.stringify({ data: [values] })
    // On a busy machine a connection may be too old by the time it is used again.
    const headers = { 'content-type': 'application/json', connection: 'close' }
    const answer = await fetch(url, { method: 'POST', body, headers })
    const [prediction] = (await answer.json()) as number[]
    pool.push({ values, prediction: prediction as number })
  }
  return pool
}

/** Once all is quiet: nothing is left over, and what had ended is as it was. */
async function faultsAtTheEnd(storage: TrueStorage, finished: readonly FinishedJob[]): Promise<string[]> {
  const faults: string[] = []
  const until = Date.now() + 60_000
  let waiting = await storage.waiting()
  while (Object.keys(waiting).length > 0 && Date.now() < until) {
    await delay(500)
    waiting = await storage.waiting()
  }
  for (const [queue, count] of Object.entries(waiting)) faults.push(`${count} messages are left in ${queue}`)
  for (const path of await storage.list('jobs', '_active/')) faults.push(`${path} is left`)
  for (const { job, output } of finished)
    if ((await storage.read(job.output.blob)) !== output)
      faults.push(`the output of ${job.jobId} changed after its end`)
  return faults
}
