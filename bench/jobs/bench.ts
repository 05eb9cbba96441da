import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type LocalStorage, startAzurite } from '../../src/host/azurite/local-storage.ts'
import { prepareApps } from '../http/our-host.ts'
import { describeMachine, machineLine } from '../report/machine.ts'
import { median, ratioOf } from '../report/statistics.ts'
import { markdownTable, readable, verdict } from '../report/table.ts'
import { type Contest, jobContest } from './contest.ts'
import { diabetesRows, digitsRows } from './inputs.ts'
import { JobHosts } from './job-run.ts'

const target = { against: 'plain loop, row by row', of: /^job: 1 host, 2 threads$/, ratio: 1.5 }

/** Hosts that have scored a file of this size, and the most memory that they held. */
interface MemoryUse {
  readonly what: string
  readonly rows: number
  readonly seconds: number
  readonly peakMiB: number
}

/** `npm run bench -- jobs`: rows per second against a loop without a server, and memory against the size of the file. */
export async function benchJobs(settings: {
  rounds: number
  isBuilt: boolean
  isQuick: boolean
}): Promise<{ result: object; markdown: string }> {
  const { isQuick } = settings
  const rounds = Math.min(settings.rounds, isQuick ? 1 : 2)
  await prepareApps(settings.isBuilt)
  const rows = isQuick ? { diabetes: 10_000, digits: 2000 } : { diabetes: 200_000, digits: 50_000 }
  const contests = await withStorage(async ({ connectionString }) => [
    await jobContest(await diabetesRows(rows.diabetes), await diabetesRows(1000), rounds, connectionString),
    await jobContest(await digitsRows(rows.digits), await digitsRows(1000), rounds, connectionString),
  ])
  // 105 bytes a row: 10 MB, a million rows, 1 GB.
  const sizes = isQuick ? [1000, 10_000] : [95_000, 1_000_000, 9_500_000]
  const memory: MemoryUse[] = []
  for (const rowCount of sizes) memory.push(await measureMemory(rowCount))
  const oneRow = await measureOneRow(isQuick ? 1 : 5)
  const machine = describeMachine()
  const date = new Date().toISOString().slice(0, 10)
  const markdown = [
    `${date}, ${rounds} rounds. ${machineLine(machine)}`,
    ...contests.map(describeContest),
    markdownTable(
      ['CSV of `diabetes`, 1 host', 'Rows', 'Seconds', 'Rows/s', 'Peak memory, MiB'],
      memory.map(({ what, rows, seconds, peakMiB }) => [
        what,
        String(rows),
        readable(seconds),
        readable(rows / seconds),
        readable(peakMiB),
      ]),
      1,
    ),
    `A job of one row: ${oneRow.map(readable).join(', ')} s.`,
  ].join('\n\n')
  // The path on this machine is left out of the record.
  const recorded = contests.map(({ file: { service, name, rowCount }, seconds }) => ({
    service,
    name,
    rowCount,
    seconds,
  }))
  return { result: { date, machine, rounds, contests: recorded, memory, oneRow }, markdown }
}

/** One that works on disk, as there are gigabytes to keep. */
async function withStorage<T>(work: (storage: LocalStorage) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'bench-storage-'))
  const storage = await startAzurite(folder, line => console.error(line))
  try {
    return await work(storage)
  } finally {
    await storage.stop()
    await rm(folder, { recursive: true, force: true })
  }
}

function describeContest({ file, seconds }: Contest): string {
  const theirs = seconds[target.against] ?? []
  const rows = Object.entries(seconds).map(([what, times]) => {
    const rates = times.map(time => file.rowCount / time)
    const { median: ratio, lowest, highest } = ratioOf(theirs, times) // seconds: less is more
    const isOurs = target.of.test(what)
    return [
      what,
      readable(median(rates)),
      readable(ratio),
      `${readable(lowest)}-${readable(highest)}`,
      isOurs ? `>= ${target.ratio}` : '',
      isOurs ? verdict(ratio >= target.ratio) : '',
    ]
  })
  const head = [`\`${file.service}\`, ${file.rowCount} rows`, 'Rows/s', 'Ratio', 'Range', 'Target', '']
  return markdownTable(head, rows, 1)
}

/** Seconds of jobs of one row, each after a pause in which the host looks into its queues ever more rarely. */
function measureOneRow(count: number): Promise<number[]> {
  return withStorage(async ({ connectionString }) => {
    const file = await diabetesRows(1)
    const hosts = await JobHosts.start(connectionString, 1, 2)
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
    const hosts = await JobHosts.start(connectionString, 1, 2)
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
