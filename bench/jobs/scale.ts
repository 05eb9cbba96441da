/** `npm run bench -- jobs-scale`: rows per second of a job by the number of hosts, over a storage that is far away. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startAzurite } from '../../src/host/azurite/local-storage.ts'
import { benchDir } from '../cache.ts'
import { prepareApps, prepareService } from '../http/our-host.ts'
import { describeMachine, machineLine } from '../report/machine.ts'
import { markdownTable, readable } from '../report/table.ts'
import { waitingRows } from './inputs.ts'
import { JobHosts } from './job-run.ts'
import { slowStorage } from './slow-storage.ts'

/** What a row takes in `services/waits/score.ts`. It waits, so that two processors are enough for eight hosts. */
const rowMs = 5
/** Chunks of an eighth of a second. */
const rowsPerChunk = 25
const delaysMs = [5, 20]
const hostCounts = [1, 2, 4, 8]

interface ScalePoint {
  readonly delayMs: number
  readonly hosts: number
  readonly rowsPerSecond: number
}

export async function benchJobsScale(settings: {
  isBuilt: boolean
  isQuick: boolean
}): Promise<{ result: object; markdown: string }> {
  const { isBuilt, isQuick } = settings
  await prepareApps(isBuilt)
  const services = await prepareService('waits', join(benchDir, 'jobs/services/waits'), {})
  const rowCount = isQuick ? 1000 : 10_000
  const points: ScalePoint[] = []
  for (const delayMs of isQuick ? [20] : delaysMs) {
    for (const hosts of isQuick ? [1, 2] : hostCounts) {
      console.error(`${hosts} hosts, ${delayMs} ms a call`)
      points.push({ delayMs, hosts, rowsPerSecond: await measure(services, { rowCount, hosts, delayMs }) })
    }
  }
  const machine = describeMachine()
  const date = new Date().toISOString().slice(0, 10)
  const markdown = [`${date}, ${rowCount} rows of ${rowMs} ms. ${machineLine(machine)}`, describe(points)].join('\n\n')
  return { result: { date, machine, rowCount, rowMs, rowsPerChunk, points }, markdown }
}

/** @returns rows per second from the submission until the output is there */
async function measure(
  services: string,
  { rowCount, hosts: hostCount, delayMs }: { rowCount: number; hosts: number; delayMs: number },
): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'bench-storage-'))
  const storage = await startAzurite(folder, line => console.error(line))
  const slow = await slowStorage(storage.connectionString, delayMs)
  try {
    const hosts = await JobHosts.start(slow.connectionString, hostCount, 1, services)
    try {
      const [file, warmUp] = [await waitingRows(rowCount), await waitingRows(100)]
      for (const each of [file, warmUp]) await hosts.upload(each)
      await hosts.run(warmUp, rowsPerChunk)
      const { seconds } = await hosts.run(file, rowsPerChunk)
      return rowCount / seconds
    } finally {
      await hosts.stop()
    }
  } finally {
    slow.stop()
    await storage.stop()
    await rm(folder, { recursive: true, force: true })
  }
}

function describe(points: readonly ScalePoint[]): string {
  const rows = points.map(({ delayMs, hosts, rowsPerSecond }) => {
    const alone = points.find(point => point.delayMs === delayMs && point.hosts === 1)?.rowsPerSecond ?? Number.NaN
    return [
      `${delayMs} ms`,
      String(hosts),
      readable(rowsPerSecond),
      readable(rowsPerSecond / alone),
      readable((rowsPerSecond * rowMs) / 1000 / hosts),
    ]
  })
  return markdownTable(['A call of the storage', 'Hosts', 'Rows/s', 'Of one host', 'Busy part of a thread'], rows, 1)
}
