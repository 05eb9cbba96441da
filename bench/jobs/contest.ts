import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { cacheDir, rootDir } from '../cache.ts'
import type { JobInputFile } from './inputs.ts'
import { JobHosts } from './job-run.ts'

/** Ways to score a file, with the seconds each took in each round. */
export interface Contest {
  readonly file: JobInputFile
  readonly seconds: Readonly<Record<string, number[]>>
}

const setups: Readonly<Record<string, { hosts: number; threads: number; miniBatchSize?: number }>> = {
  'job: 1 host, 1 thread': { hosts: 1, threads: 1 },
  'job: 1 host, 2 threads': { hosts: 1, threads: 2 },
  'job: 2 hosts, 1 thread': { hosts: 2, threads: 1 },
  'job, 1000 rows a chunk: 1 host, 2 threads': { hosts: 1, threads: 2, miniBatchSize: 1000 },
}

/** Rows of a run: the number that a first script takes, and as many as our runs hold. */
const loops = { 'plain loop, row by row': 1, 'plain loop, 64 rows a run': 64 } as const

/**
 * The same file by each way in turn. Hosts are up and have done a job, and the file is in the storage, before any time is
 * taken.
 *
 * @param warmUp  a short one of the same service
 */
export async function jobContest(
  file: JobInputFile,
  warmUp: JobInputFile,
  rounds: number,
  connectionString: string,
): Promise<Contest> {
  const seconds: Record<string, number[]> = {}
  const took = (what: string, time: number) => {
    seconds[what] ??= []
    seconds[what].push(time)
  }
  let expected: string | undefined
  for (let round = 0; round < rounds; round++) {
    for (const [what, maxRows] of Object.entries(loops)) {
      const output = join(cacheDir, 'inputs', `${file.name}.predictions`)
      took(what, await plainLoop(file, output, maxRows))
      expected ??= await readFile(output, 'utf8')
    }
    for (const [what, { hosts: hostCount, threads, miniBatchSize }] of Object.entries(setups)) {
      const hosts = await JobHosts.start(connectionString, hostCount, threads)
      try {
        await hosts.upload(file)
        await hosts.upload(warmUp)
        await hosts.run(warmUp) // loads what jobs need
        const { seconds: time, output } = await hosts.run(file, miniBatchSize)
        took(what, time)
        requireSame(expected as string, await hosts.readOutput(output))
      } finally {
        await hosts.stop()
      }
    }
  }
  return { file, seconds }
}

async function plainLoop({ service, path }: JobInputFile, output: string, maxRows: number): Promise<number> {
  const model = join(rootDir, 'models', service, '1/model.onnx')
  const script = new URL('./plain-loop.ts', import.meta.url).pathname
  const { stdout } = await promisify(execFile)(process.execPath, [script, model, path, output, String(maxRows)])
  return Number(stdout)
}

/** The numbers of both, which differ in spelling: a job writes float32 as short as Python does. */
function requireSame(expected: string, actual: string): void {
  const numbers = (text: string) => text.split('\n').map(line => line && JSON.parse(line))
  const [ours, theirs] = [numbers(actual), numbers(expected)]
  if (ours.length !== theirs.length) throw new Error(`a job wrote ${ours.length} lines, the loop ${theirs.length}`)
  for (const [at, { index, prediction }] of ours.slice(0, -1).entries()) {
    const same = [prediction].flat().every((value, column) => {
      const other = [theirs[at].prediction].flat()[column]
      return Math.abs(value - other) <= 1e-6 * Math.abs(other)
    })
    if (index !== at || !same) throw new Error(`row ${at}: a job wrote another prediction than the loop`)
  }
}
