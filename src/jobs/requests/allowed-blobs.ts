import { type ErrorCode, ScoringError } from '../../errors.ts'
import { type JobFolder, jobsContainer } from '../layout.ts'
import type { OutputFormat } from '../spec.ts'

/** Where the host of the functions keeps its own things, keys among them, whatever the settings say. */
const reserved = /^(azure-webjobs-|scm-releases$|function-releases$|app-package)/

/** @returns `blob`  @throws ScoringError JOB_INPUT_NOT_ALLOWED */
export function allowInputBlob(blob: string, containers: readonly string[]): string {
  const [container = ''] = blob.split('/', 1)
  // What other jobs left there may be of services that this caller may not use.
  if (container === jobsContainer) {
    const why = 'holds what jobs keep for themselves; copy the blob to a container for inputs'
    throw new ScoringError('JOB_INPUT_NOT_ALLOWED', `input.blob: the container "${jobsContainer}" ${why}`)
  }
  requireAllowed('JOB_INPUT_NOT_ALLOWED', 'input.blob', 'read from', container, containers)
  return blob
}

/** Where the predictions go that nobody gave another place. */
export function defaultOutput(folder: JobFolder, format: OutputFormat): string {
  return `${jobsContainer}/${folder}/predictions.${format}`
}

/**
 * Where the predictions go. In the container of the jobs that is a name beginning with `predictions` in the job's own
 * folder, which holds what the job knows besides.
 *
 * @returns `blob`  @throws ScoringError JOB_OUTPUT_NOT_ALLOWED
 */
export function allowOutputBlob(blob: string, folder: JobFolder, containers: readonly string[]): string {
  const own = `${jobsContainer}/${folder}/predictions`
  const [container = ''] = blob.split('/', 1)
  if (container !== jobsContainer) {
    requireAllowed('JOB_OUTPUT_NOT_ALLOWED', 'output.blob', 'write to', container, containers)
    return blob
  }
  if (blob.startsWith(own)) return blob
  throw new ScoringError(
    'JOB_OUTPUT_NOT_ALLOWED',
    `output.blob: in the container "${jobsContainer}" this job may write "${own}…" only, not "${blob}"`,
  )
}

function requireAllowed(
  code: ErrorCode,
  member: string,
  verb: string,
  container: string,
  containers: readonly string[],
): void {
  if (containers.includes(container) && !reserved.test(container)) return
  const allowed = containers.map(each => `"${each}"`).join(', ') || 'none'
  throw new ScoringError(
    code,
    `${member}: jobs may not ${verb} the container "${container}"; they may: ${allowed} (SCORING_JOB_CONTAINERS)`,
  )
}
