import { once } from 'node:events'
import { type Finished, findLateFaults } from './aftermath.ts'
import { listProcesses } from './app-processes.ts'
import { Dice } from './dice.ts'
import { findEventFaults } from './event-faults.ts'
import { countRows } from './job-maker.ts'
import type { FinishedJob } from './job-run.ts'
import { runRound } from './round.ts'
import { type Scene, type SceneOptions, setScene } from './scene.ts'
import type { WatchedFile } from './watched-file.ts'

export interface ChaosOptions extends SceneOptions {
  readonly rounds: number
  /** The round with which to begin, to see one again that went wrong. */
  readonly first: number
  /** Ends the run early. */
  readonly signal: AbortSignal
  readonly log: (line: string) => void
}

/**
 * Rounds of jobs under faults; every promise about their output is checked.
 *
 * @returns what was promised and did not hold; empty: all is well
 */
export async function chaos({ rounds, first, log, signal, ...options }: ChaosOptions): Promise<readonly string[]> {
  const cleanUps: (() => unknown)[] = []
  const test = { onTestFinished: (cleanUp: () => unknown) => void cleanUps.unshift(cleanUp) }
  const { seed, hostCount } = options
  log(`seed ${seed}: ${rounds} rounds on ${hostCount} hosts`)
  try {
    const scene = await setScene(options, test)
    const interrupted = once(signal, 'abort').then(() => ['it was interrupted'])
    const faults = [...(await Promise.race([runRounds(scene, { rounds, first, seed, log }), interrupted]))]
    const left = await scene.hosts.stop()
    if (left > 0) faults.push(`${left} processes of hosts did not end when they were asked to`)
    for (const line of await listProcesses(scene.appRoot)) faults.push(`a process is left: ${line}`)
    for (const fault of faults) log(`BROKEN (seed ${seed}): ${fault}`)
    if (faults.length > 0) log(scene.hosts.output)
    return faults
  } finally {
    for (const cleanUp of cleanUps) await cleanUp()
  }
}

async function runRounds(
  scene: Scene,
  { rounds, first, seed, log }: Pick<ChaosOptions, 'rounds' | 'first' | 'seed' | 'log'>,
): Promise<readonly string[]> {
  const dice = new Dice(seed)
  const [jobs, watched]: [FinishedJob[], WatchedFile[]] = [[], []]
  for (let round = 0; round < first; round++) dice.fork()
  for (let round = first; round < first + rounds; round++) {
    const startedAt = performance.now()
    const finished = await runRound(`s${seed}r${round}`, dice.fork(), scene).catch(failure => String(failure.stack))
    if (typeof finished === 'string') return [`round ${round}: ${finished}`]
    jobs.push(...finished.jobs)
    watched.push(...finished.watched)
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
    log(
      `round ${round}: ${[...finished.jobs.map(describeJob), `${finished.watched.length} watched`].join(', ')}; ${seconds} s`,
    )
    const faults = [...finished.faults, ...findEventFaults(jobs, await scene.receiver.receive())]
    if (faults.length > 0) return faults.map(fault => `round ${round}: ${fault}`)
  }
  const faults = await findLateFaults({ jobs, watched }, dice.fork(), scene)
  summarize({ jobs, watched }, scene, log)
  log(faults.length === 0 ? `every row exactly once; seed ${seed}` : `${faults.length} promises broken; seed ${seed}`)
  return faults
}

function describeJob({ job, end, seconds }: FinishedJob): string {
  const files = job.hasSeveralFiles ? ` of ${job.files.length} files` : ''
  const outputs = job.outputs.length > 1 ? ` to ${job.outputs.length} outputs` : ''
  const how = `${end.error?.code ?? end.status}${job.isDeleted ? ' deleted' : ''}`
  return `${countRows(job)} rows${files}${outputs} ${how} in ${seconds.toFixed(0)} s`
}

function summarize(
  { jobs, watched }: Finished,
  { hosts, storageProcess, faulty }: Scene,
  log: ChaosOptions['log'],
): void {
  const rows = jobs.reduce((sum, { job }) => sum + countRows(job), 0)
  const ends = Object.entries(Object.groupBy(jobs, ({ end }) => end.error?.code ?? end.status))
  const count = (is: (finished: FinishedJob) => boolean) => jobs.filter(is).length
  log(`${jobs.length} jobs with ${rows} rows: ${ends.map(([how, some]) => `${some?.length} ${how}`).join(', ')}`)
  log(
    [
      `${count(({ job }) => job.hasSeveralFiles)} of several files`,
      `${count(({ job }) => job.outputs.length > 1)} with several outputs`,
      `${count(({ job }) => job.outputs[0]?.format === 'parquet')} to Parquet`,
      `${count(({ job }) => job.event !== undefined)} with events`,
      `${count(({ job }) => job.by === 'upload')} with their file`,
      `${count(({ job }) => job.isDeleted)} deleted`,
      `${watched.length} watched files`,
    ].join(', '),
  )
  log(
    [
      `${hosts.deaths} deaths of hosts and ${storageProcess.deaths} of the storage`,
      `${hosts.pauses} pauses, ${hosts.endedThreads} threads ended`,
      `${faulty.faultCount} faults of storage`,
    ].join(', '),
  )
}
