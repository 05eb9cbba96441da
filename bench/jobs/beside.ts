/** What others notice of a large job: callers over HTTP, and a job of one row. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { rootDir } from '../cache.ts'
import { primaryKeyOf } from '../http/our-host.ts'
import { cpuMillisecondsOf, findChild } from '../http/process-cpu.ts'
import { encodeRequest, LoadGenerator } from '../load/load-generator.ts'
import type { OpenLoadJob, OpenLoadResult } from '../load/load-job.ts'
import { median, ratioOf } from '../report/statistics.ts'
import { markdownTable, readable, verdict } from '../report/table.ts'
import { diabetesRows, type JobInputFile } from './inputs.ts'
import { JobHosts } from './job-run.ts'

const names = {
  idle: 'nothing else',
  /** A share of the processors that has nothing to do with the app: what the machine itself adds. */
  burner: 'a process that uses as much CPU as the emulator does for the job',
  job: 'a job',
} as const
type Situation = keyof typeof names

/** Requests a second: a tenth of what one thread does, so that they wait for nobody when there is no job. */
const requestsPerSecond = 200
const p99Target = 1.5
const oneRowTargetSeconds = 3

/** Latencies over HTTP in each round. */
export interface BesideJob {
  readonly latencyMs: Readonly<Record<Situation, OpenLoadResult['latencyMs'][]>>
  /** Seconds that a job of one row took beside the large one. */
  readonly oneRow: readonly number[]
  /** Processors that the emulator kept busy. */
  readonly emulatorShare: number
}

export async function measureBeside(
  connectionString: string,
  { rowCount, seconds, rounds }: { readonly rowCount: number; readonly seconds: number; readonly rounds: number },
): Promise<BesideJob> {
  const [file, one] = [await diabetesRows(rowCount), await diabetesRows(1)]
  const hosts = await JobHosts.start(connectionString, 1)
  const generator = new LoadGenerator()
  try {
    for (const each of [file, one]) {
      await hosts.upload(each)
      await hosts.run(each) // compiles what jobs need
    }
    const load: OpenLoadJob = {
      ...{ port: hosts.port, requests: [await scoreRequest()], requestsPerSecond, seconds, rampSeconds: 1, seed: 1 },
    }
    await generator.run(load)
    const latencyMs: Record<Situation, OpenLoadResult['latencyMs'][]> = { idle: [], burner: [], job: [] }
    const oneRow: number[] = []
    let emulatorShare = 0
    for (let round = 0; round < rounds; round++) {
      console.error(`HTTP beside a job, round ${round + 1} of ${rounds}`)
      const measure = async (situation: Situation) => {
        const result = await generator.run({ ...load, seed: round + 1 })
        if (result.failures > 0) throw new Error(`${result.failures} requests failed beside ${names[situation]}`)
        latencyMs[situation].push(result.latencyMs)
      }
      await measure('idle')
      emulatorShare = await besideJobs(hosts, file, () => measure('job'))
      await besideBurner(emulatorShare, () => measure('burner'))
      await besideJobs(hosts, file, async () => void oneRow.push((await hosts.run(one)).seconds))
    }
    return { latencyMs, oneRow, emulatorShare }
  } finally {
    generator.stop()
    await hosts.stop()
  }
}

async function scoreRequest(): Promise<Buffer> {
  const { data } = JSON.parse(await readFile(join(rootDir, 'models/diabetes/sample.json'), 'utf8')) as {
    data: number[][]
  }
  return encodeRequest({
    method: 'POST',
    path: '/api/v1/service/diabetes/score',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${await primaryKeyOf('diabetes')}` },
    body: new TextEncoder().encode(JSON.stringify({ data: data.slice(0, 1) })),
  })
}

/** Does some work while one job after the other runs. @returns the processors that the emulator kept busy */
async function besideJobs(hosts: JobHosts, file: JobInputFile, work: () => Promise<void>): Promise<number> {
  let isOver = false
  const jobs = (async () => {
    while (!isOver) await hosts.run(file)
  })()
  await delay(500) // the first is planned
  const emulator = findChild('azurite') ?? Number.NaN
  const [cpuBefore, startedAt] = [cpuMillisecondsOf(emulator), performance.now()]
  await Promise.race([work(), jobs])
  const share = ((cpuMillisecondsOf(emulator) ?? 0) - (cpuBefore ?? 0)) / (performance.now() - startedAt)
  isOver = true
  await jobs
  return share
}

async function besideBurner(share: number, work: () => Promise<void>): Promise<void> {
  const burner = spawn(process.execPath, [join(import.meta.dirname, 'burn-cpu.ts'), String(share)], { stdio: 'ignore' })
  const ended = once(burner, 'exit')
  try {
    await delay(500)
    await work()
  } finally {
    burner.kill('SIGKILL')
    await ended
  }
}

export function describeBeside({ latencyMs, oneRow, emulatorShare }: BesideJob): string {
  const situations = Object.keys(names) as Situation[]
  const p99s = (situation: Situation) => latencyMs[situation].map(({ p99 }) => p99)
  const rows = situations.map(situation => {
    const all = latencyMs[situation]
    const { median: ratio, lowest, highest } = ratioOf(p99s(situation), p99s('idle'))
    const isJob = situation === 'job'
    return [
      names[situation],
      ...(['p50', 'p95', 'p99', 'max'] as const).map(each => readable(median(all.map(latencies => latencies[each])))),
      readable(ratio),
      `${readable(lowest)}-${readable(highest)}`,
      isJob ? `<= ${p99Target}` : '',
      isJob ? verdict(ratio <= p99Target) : '',
    ]
  })
  const head = [`${requestsPerSecond} requests/s beside`, 'p50 ms', 'p95 ms', 'p99 ms', 'max ms', 'p99 ratio', 'Range']
  const longest = Math.max(...oneRow)
  return [
    markdownTable([...head, 'Target', ''], rows, 1),
    `Medians of ${oneRow.length} rounds. The emulator kept ${readable(emulatorShare)} processors busy. A job of one row beside the large one: ` +
      `${oneRow.map(readable).join(', ')} s (target <= ${oneRowTargetSeconds} s: ${verdict(longest <= oneRowTargetSeconds)}).`,
  ].join('\n\n')
}
