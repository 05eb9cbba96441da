import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { cacheDir, rootDir } from '../cache.ts'
import type { PythonVenv } from '../http/python-venv.ts'
import type { JobInputFile } from './inputs.ts'
import { JobHosts } from './job-run.ts'

const run = promisify(execFile)

/** Ways to score some files, with the seconds each took in each round. */
export interface Contest {
  readonly title: string
  readonly rowCount: number
  readonly seconds: Readonly<Record<string, number[]>>
}

interface ContestOptions {
  readonly title: string
  /** Of one service, and each with its own rows; a host gets a job for each, all at once. */
  readonly files: readonly JobInputFile[]
  /** A short file of the same service. */
  readonly warmUp: JobInputFile
  readonly rounds: number
  readonly setups: readonly JobSetup[]
  readonly python: PythonVenv
}

export interface JobSetup {
  readonly hosts: number
  /** Absent: as many as the app takes by itself, which is one less than there are processors. */
  readonly threads?: number
  /** Absent: what a job has that says nothing. */
  readonly miniBatchSize?: number
}

export const byDefault: JobSetup = { hosts: 1 }

export function setupName({ hosts, threads, miniBatchSize }: JobSetup): string {
  const size = miniBatchSize === undefined ? '' : `, ${miniBatchSize} rows a chunk`
  const onThreads = threads === undefined ? '' : `, ${threads} thread${threads > 1 ? 's' : ''}`
  return `job${size}: ${hosts} host${hosts > 1 ? 's' : ''}${onThreads}`
}

/** A user's own script. */
interface Script {
  readonly name: string
  readonly command: string
  /** Before the pairs of input and output. */
  readonly args: readonly string[]
}

export const rowByRow = 'plain loop, row by row'
export const pandasChunks = 'pandas, chunks of 1000 rows'

function scripts(model: string, files: readonly JobInputFile[], python: PythonVenv): Script[] {
  const loop = join(import.meta.dirname, 'plain-loop.ts')
  const pandas = join(import.meta.dirname, 'pandas_chunks.py')
  const isCsv = files.every(({ name }) => name.endsWith('.csv'))
  return [
    { name: rowByRow, command: process.execPath, args: [loop, model, '1'] },
    { name: 'plain loop, 64 rows a run', command: process.execPath, args: [loop, model, '64'] },
    ...('missing' in python || !isCsv
      ? []
      : [{ name: pandasChunks, command: join(python.binDir, 'python'), args: [pandas, model, '1000'] }]),
  ]
}

/**
 * The same files by each way in turn. Hosts are up and have done a job, and the files are in the storage, before any time is
 * taken. All predictions must agree.
 */
export async function jobContest(options: ContestOptions, connectionString: string): Promise<Contest> {
  const { title, files, rounds, setups, python } = options
  const seconds: Record<string, number[]> = {}
  const took = (what: string, time: number) => {
    seconds[what] ??= []
    seconds[what].push(time)
  }
  const model = join(rootDir, 'models', (files[0] as JobInputFile).service, '1/model.onnx')
  for (let round = 0; round < rounds; round++) {
    console.error(`${title}, round ${round + 1} of ${rounds}`)
    for (const script of scripts(model, files, python)) {
      took(script.name, await runScript(script, files, round === 0))
    }
    for (const setup of setups) took(setupName(setup), await runJobs(options, setup, connectionString))
  }
  return { title, rowCount: files.reduce((sum, file) => sum + file.rowCount, 0), seconds }
}

/** @param isChecked  its predictions are compared with those of the first script */
async function runScript({ name, command, args }: Script, files: readonly JobInputFile[], isChecked: boolean) {
  const outputs = files.map(file => (name === rowByRow ? predictionsOf(file) : `${predictionsOf(file)}.2`))
  const pairs = files.flatMap((file, index) => [file.path, outputs[index] as string])
  const { stdout } = await run(command, [...args, ...pairs])
  if (isChecked) {
    for (const [index, file] of files.entries())
      requireSame(name, await readFile(predictionsOf(file), 'utf8'), await readFile(outputs[index] as string, 'utf8'))
  }
  return Number(stdout)
}

async function runJobs({ files, warmUp }: ContestOptions, setup: JobSetup, connectionString: string): Promise<number> {
  const hosts = await JobHosts.start(connectionString, setup.hosts, setup.threads)
  try {
    for (const file of [...files, warmUp]) await hosts.upload(file)
    await hosts.run(warmUp) // loads what jobs need
    const startedAt = performance.now()
    const runs = await Promise.all(files.map(file => hosts.run(file, setup.miniBatchSize)))
    const seconds = (performance.now() - startedAt) / 1000
    for (const [index, { output }] of runs.entries()) {
      const expected = await readFile(predictionsOf(files[index] as JobInputFile), 'utf8')
      requireSame(setupName(setup), expected, await hosts.readOutput(output))
    }
    return seconds
  } finally {
    await hosts.stop()
  }
}

/** Of the row-by-row loop. */
function predictionsOf({ name }: JobInputFile): string {
  return join(cacheDir, 'inputs', `${name}.predictions`)
}

/** The numbers of both, which differ in spelling: a job writes float32 as short as Python does, pandas 15 decimal places. */
function requireSame(what: string, expected: string, actual: string): void {
  const [ours, theirs] = [actual.trimEnd().split('\n'), expected.trimEnd().split('\n')]
  if (ours.length !== theirs.length) throw new Error(`${what} wrote ${ours.length} lines, the loop ${theirs.length}`)
  for (const [at, line] of ours.entries()) {
    const { index, prediction } = JSON.parse(line) as Line
    const other = [(JSON.parse(theirs[at] as string) as Line).prediction].flat()
    const isSame = [prediction].flat().every((value, column) => {
      const expectedValue = other[column] as number
      return Math.abs(value - expectedValue) <= 1e-6 * Math.abs(expectedValue)
    })
    if (index !== at || !isSame) throw new Error(`row ${at}: ${what} wrote another prediction than the loop`)
  }
}

interface Line {
  readonly index: number
  readonly prediction: number | number[]
}
