import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { lowerPriorityOfProcess } from '../../src/adapters/local/low-priority.ts'
import { type LocalStorage, startAzurite } from '../../src/host/azurite/local-storage.ts'
import { prepareApps } from '../http/our-host.ts'
import { preparePythonVenv } from '../http/python-venv.ts'
import { describeMachine, machineLine } from '../report/machine.ts'
import { markdownTable, readable } from '../report/table.ts'
import { describeBeside, measureBeside } from './beside.ts'
import { byDefault, type JobSetup, jobContest } from './contest.ts'
import { contestTable, csvTargets, jsonTargets } from './contest-table.ts'
import { diabetesRows, digitsRows } from './inputs.ts'
import { JobHosts } from './job-run.ts'

const otherSetups: readonly JobSetup[] = [
  { hosts: 1, threads: 2 },
  { hosts: 2, threads: 1 },
  { hosts: 1, miniBatchSize: 1000 },
]

/** The 20 slowest of 2000 requests differ from round to round more than anything else here. */
const besideRounds = 7

/** Hosts that have scored a file of this size, and the most memory that they held. */
interface MemoryUse {
  readonly what: string
  readonly rows: number
  readonly seconds: number
  readonly peakMiB: number
}

/** `npm run bench -- jobs`: batch jobs against scripts without a server, what others notice of them, and their memory. */
export async function benchJobs(settings: {
  rounds: number
  isBuilt: boolean
  isQuick: boolean
}): Promise<{ result: object; markdown: string }> {
  const { isQuick } = settings
  const rounds = Math.min(settings.rounds, isQuick ? 1 : 3)
  await prepareApps(settings.isBuilt)
  const contests = await withStorage(storage => measureContests(storage, rounds, isQuick))
  const beside = await withStorage(({ connectionString }) =>
    measureBeside(connectionString, {
      ...(isQuick ? { rowCount: 100_000, seconds: 3 } : { rowCount: 1_000_000, seconds: 10 }),
      rounds: isQuick ? 1 : besideRounds,
    }),
  )
  // 95 bytes a row: 10 MB, a million rows, 1 GB.
  const sizes = isQuick ? [1000, 10_000] : [95_000, 1_000_000, 9_500_000]
  const memory: MemoryUse[] = []
  for (const rowCount of sizes) memory.push(await measureMemory(rowCount))
  const oneRow = await measureOneRow(isQuick ? 1 : 5)
  const machine = describeMachine()
  const date = new Date().toISOString().slice(0, 10)
  const { csv, many, json, skipped } = contests
  const markdown = [
    `${date}, ${rounds} rounds. ${machineLine(machine)}`,
    contestTable(csv, csvTargets),
    contestTable(many, csvTargets),
    contestTable(json, jsonTargets),
    describeBeside(beside),
    memoryTable(memory),
    `A job of one row on an idle host: ${oneRow.map(readable).join(', ')} s.`,
    ...skipped.map(what => `Skipped: ${what}.`),
  ].join('\n\n')
  return { result: { date, machine, rounds, contests: [csv, many, json], beside, memory, oneRow, skipped }, markdown }
}

async function measureContests({ connectionString }: LocalStorage, rounds: number, isQuick: boolean) {
  const python = await preparePythonVenv()
  const rows = isQuick
    ? { one: 10_000, many: 1000, digits: 2000, warmUp: 1000 }
    : { one: 1_000_000, many: 100_000, digits: 50_000, warmUp: 100_000 }
  const setups = [byDefault, ...otherSetups]
  const [one, warmUp] = [await diabetesRows(rows.one), await diabetesRows(rows.warmUp, 1)]
  const many = await Promise.all(Array.from({ length: 10 }, (_, part) => diabetesRows(rows.many, part)))
  const digits = await digitsRows(rows.digits)
  const shared = { rounds, python }
  const title = (service: string, count: number) => `\`${service}\`, ${count} rows`
  return {
    csv: await jobContest(
      { ...shared, title: `${title('diabetes', rows.one)} of CSV`, files: [one], warmUp, setups },
      connectionString,
    ),
    many: await jobContest(
      {
        ...shared,
        title: `${title('diabetes', rows.many)} in each of 10 files`,
        files: many,
        warmUp,
        setups: [byDefault],
      },
      connectionString,
    ),
    json: await jobContest(
      { ...shared, title: title('digits', rows.digits), files: [digits], warmUp: await digitsRows(1000), setups },
      connectionString,
    ),
    skipped: 'missing' in python ? [`pandas: ${python.missing}`] : [],
  }
}

function memoryTable(memory: readonly MemoryUse[]): string {
  return markdownTable(
    ['CSV of `diabetes`, 1 host', 'Rows', 'Seconds', 'Rows/s', 'Peak memory, MiB'],
    memory.map(({ what, rows, seconds, peakMiB }) => [
      what,
      String(rows),
      readable(seconds),
      readable(rows / seconds),
      readable(peakMiB),
    ]),
    1,
  )
}

/** As `scoring start` has it: on disk, as there are gigabytes to keep, and with a low priority. */
async function withStorage<T>(work: (storage: LocalStorage) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'bench-storage-'))
  const storage = await startAzurite(folder, line => console.error(line), { onStart: lowerPriorityOfProcess })
  try {
    return await work(storage)
  } finally {
    await storage.stop()
    await rm(folder, { recursive: true, force: true })
  }
}

/** Seconds of jobs of one row, each after a pause in which the host looks into its queues ever more rarely. */
function measureOneRow(count: number): Promise<number[]> {
  return withStorage(async ({ connectionString }) => {
    const file = await diabetesRows(1)
    const hosts = await JobHosts.start(connectionString, 1)
    try {
      await hosts.upload(file)
      await hosts.run(file) // loads what jobs need
      const seconds: number[] = []
      for (let run = 0; run < count; run++) {
        await delay(8000)
        seconds.push((await hosts.run(file)).seconds)
      }
      return seconds
    } finally {
      await hosts.stop()
    }
  })
}

function measureMemory(rowCount: number): Promise<MemoryUse> {
  return withStorage(async ({ connectionString }) => {
    const file = await diabetesRows(rowCount)
    const hosts = await JobHosts.start(connectionString, 1)
    try {
      await hosts.upload(file)
      const { seconds } = await hosts.run(file)
      const [peakMiB = Number.NaN] = await hosts.peakMiB()
      return { what: file.name, rows: rowCount, seconds, peakMiB }
    } finally {
      await hosts.stop()
    }
  })
}
