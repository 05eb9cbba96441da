import { type ChaosJob, countFailures, countRows, isMessage } from './job-maker.ts'
import { findPartialFaults, findRowFaults } from './row-faults.ts'

/** How a job ended, as `GET …/jobs/{jobId}` says; `Deleted`: it was gone before its end was seen. */
export interface EndOfJob {
  readonly status: string
  readonly progress: {
    readonly rows: number
    readonly succeeded: number
    readonly failed: number
    readonly percent: number
    readonly files?: number
    readonly filesDone?: number
  }
  readonly output?: { readonly partial?: string }
  readonly error?: { readonly code: string }
}

/** What stands in an output where a stranger wrote it first. */
export const strangersContent = 'mine\n'

/** What a job has left behind, as the storage has it. */
export interface Remains {
  /** Its outputs, in the order of the job's; undefined: there is none. */
  readonly outputs: readonly (Buffer | undefined)[]
  /** Blobs below the `partial` of its status, by name and in the order of their names. */
  readonly partial: readonly (readonly [string, Buffer])[]
  /** The output that a stranger wrote while the job ran. */
  readonly foreign: string | undefined
}

/** What is wrong with how a job ended; nothing, if all is as promised. */
export async function findFaults(job: ChaosJob, end: EndOfJob, remains: Remains): Promise<string[]> {
  const { status, error } = end
  const how = error ? `${status} ${error.code}` : status
  const mayBe = listPossibleEnds(job, remains)
  if (!mayBe.includes(how)) return [`it is ${how}; it could become ${mayBe.join(', ')}`]
  const faults: string[] = []
  for (const [at, output] of job.outputs.entries()) {
    const content = remains.outputs[at]
    if (output.blob === remains.foreign) {
      if (content?.toString() !== strangersContent) faults.push(`${output.blob} of a stranger was written over`)
    } else if (content !== undefined) {
      // Of several outputs, some are there before another one turns out to be a stranger's.
      if (['Completed', 'Deleted'].includes(status) || error?.code === 'OUTPUT_EXISTS')
        faults.push(...(await findRowFaults(output, content)))
      else faults.push(`it is ${how}, and yet there is ${output.blob}`)
    } else if (status === 'Completed') faults.push(`it is Completed, and there is no ${output.blob}`)
  }
  if (status === 'Completed') faults.push(...findCountFaults(job, end))
  else faults.push(...(await findPartialFaults(job, remains.partial)))
  return faults
}

function listPossibleEnds(job: ChaosJob, { foreign }: Remains): string[] {
  const isOverThreshold = job.errorThreshold >= 0 && countFailures(job) > job.errorThreshold
  const { mishap, by } = job
  return [
    ...(isOverThreshold ? ['Failed ERROR_THRESHOLD_EXCEEDED'] : []),
    ...(isOverThreshold || foreign !== undefined ? [] : ['Completed']),
    ...(mishap === 'output appears' ? ['Failed OUTPUT_EXISTS'] : []),
    ...(mishap === 'output appears' && isMessage(by) ? ['Failed JOB_OUTPUT_EXISTS'] : []),
    ...(mishap === 'input changes' ? ['Failed INPUT_CHANGED'] : []),
    ...(mishap === 'cancel' || mishap === 'delete early' ? ['Canceled'] : []),
    ...(mishap === 'delete early' ? ['Deleted'] : []),
  ]
}

function findCountFaults(job: ChaosJob, { progress }: EndOfJob): string[] {
  const { rows, succeeded, failed, percent, files, filesDone } = progress
  const [rowCount, failures] = [countRows(job), countFailures(job)]
  const counts = `${rows} rows, ${succeeded} + ${failed}, ${percent} %, files ${filesDone}/${files}`
  const fileCount = job.hasSeveralFiles ? job.files.length : undefined
  const right = `${rowCount} rows, ${rowCount - failures} + ${failures}, 100 %, files ${fileCount}/${fileCount}`
  return counts === right ? [] : [`its status counts ${counts}; it is ${right}`]
}
