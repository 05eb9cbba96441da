import { parse } from 'csv-parse/sync'
import type { ChaosJob, Expected } from './job-maker.ts'

/** How a job ended, as `GET …/jobs/{jobId}` says. */
export interface EndOfJob {
  readonly status: string
  readonly progress: {
    readonly rows: number
    readonly succeeded: number
    readonly failed: number
    readonly percent: number
  }
  readonly error?: { readonly code: string }
}

/** What stands in the output where a stranger wrote it first. */
export const strangersContent = 'mine\n'

/**
 * What is wrong with how a job ended; nothing, if all is as promised.
 *
 * @param output  its output blob as it is; undefined: there is none
 * @param isForeign  whether a stranger wrote the output while the job ran
 */
export function faultsOf(job: ChaosJob, end: EndOfJob, output: string | undefined, isForeign: boolean): string[] {
  const { status, error, progress } = end
  const failures = job.expected.filter(each => 'code' in each).length
  const isOverThreshold = job.errorThreshold >= 0 && failures > job.errorThreshold
  if (isForeign && output !== strangersContent)
    return [`a stranger's output was written over by a job that is ${status}`]
  const mayBe: Record<string, boolean> = {
    Completed: !isOverThreshold && !isForeign,
    'Failed ERROR_THRESHOLD_EXCEEDED': isOverThreshold,
    'Failed OUTPUT_EXISTS': job.mishap === 'output appears',
    'Failed JOB_OUTPUT_EXISTS': job.mishap === 'output appears' && job.by !== 'http',
    'Failed INPUT_CHANGED': job.mishap === 'input changes',
    Canceled: job.mishap === 'cancel',
  }
  const how = error ? `${status} ${error.code}` : status
  if (!mayBe[how]) return [`it is ${how}, which it could not become`]
  if (status !== 'Completed') {
    return output === undefined || isForeign ? [] : [`it is ${how}, and yet there is an output`]
  }
  if (output === undefined) return ['it is Completed, and there is no output']
  const succeeded = job.expected.length - failures
  const counts = `${progress.rows} rows, ${progress.succeeded} + ${progress.failed}, ${progress.percent} %`
  const right = `${job.expected.length} rows, ${succeeded} + ${failures}, 100 %`
  return [...(counts === right ? [] : [`its status counts ${counts}; it is ${right}`]), ...rowFaults(job, output)]
}

/** Each row once, in order, with what it gives. */
function rowFaults(job: ChaosJob, output: string): string[] {
  const lines = job.output.format === 'csv' ? readCsv(output) : readJsonLines(output)
  const faults: string[] = []
  if (lines.length !== job.expected.length)
    faults.push(`the output has ${lines.length} rows, the input ${job.expected.length}`)
  for (const [at, { index, ...result }] of lines.entries()) {
    const expected = job.expected[at]
    if (index !== at) faults.push(`line ${at} is of row ${index}`)
    else if (expected && !isSame(expected, result))
      faults.push(`row ${at}: ${JSON.stringify(result)} instead of ${JSON.stringify(expected)}`)
    if (faults.length > 5) break
  }
  return faults
}

type Line = { readonly index: number } & ({ readonly prediction: number } | { readonly code: string })

/** Which of several codes a row of the wrong width gets depends on the format. */
const wrongWidth = ['INPUT_SHAPE_MISMATCH', 'INPUT_RAGGED', 'ROW_RAGGED']

function isSame(expected: Expected, result: Expected): boolean {
  if ('prediction' in expected) return 'prediction' in result && result.prediction === expected.prediction
  if (!('code' in result)) return false
  return expected.code === 'a wrong width' ? wrongWidth.includes(result.code) : result.code === expected.code
}

function readJsonLines(output: string): Line[] {
  return output
    .split('\n')
    .filter(line => line !== '')
    .map(line => {
      const { index, prediction, error } = JSON.parse(line)
      return error ? { index, code: error.code } : { index, prediction }
    })
}

function readCsv(output: string): Line[] {
  const rows: Record<string, string>[] = parse(output, { columns: true })
  return rows.map(({ index, prediction, error_code }) =>
    error_code ? { index: Number(index), code: error_code } : { index: Number(index), prediction: Number(prediction) },
  )
}
