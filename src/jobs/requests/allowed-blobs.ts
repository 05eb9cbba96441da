/** Decides which blobs of the app's storage account a job may read and write. */
import { type ErrorCode, ScoringError } from '../../errors.ts'
import { type JobFolder, jobsContainer } from '../layout.ts'

/** Containers of the Functions host, which hold keys among other things. No setting allows them. */
const hostContainers = /^(azure-webjobs-|scm-releases$|function-releases$|app-package)/

/** @returns `blob`  @throws ScoringError JOB_INPUT_NOT_ALLOWED */
export function allowInputBlob(blob: string, containers: readonly string[]): string {
  const [container = ''] = blob.split('/', 1)
  // Files of other jobs may belong to services that this caller may not use.
  if (container === jobsContainer) {
    const why = 'holds the internal files of jobs; copy the blob to a container for inputs'
    throw new ScoringError('JOB_INPUT_NOT_ALLOWED', `input.blob: the container "${jobsContainer}" ${why}`)
  }
  requireAllowed({ code: 'JOB_INPUT_NOT_ALLOWED', member: 'input.blob', verb: 'read from' }, container, containers)
  return blob
}

/** The output of a job that names none. */
export function defaultOutput(folder: JobFolder, extension: string): string {
  return `${jobsContainer}/${folder}/predictions.${extension}`
}

/**
 * Checks where a job writes. In the container of jobs that must be a name beginning with `predictions` in the job's own
 * folder, because all other names there are internal.
 *
 * @returns `blob`  @throws ScoringError JOB_OUTPUT_NOT_ALLOWED
 */
export function allowOutputBlob(blob: string, folder: JobFolder, containers: readonly string[]): string {
  const own = `${jobsContainer}/${folder}/predictions`
  const [container = ''] = blob.split('/', 1)
  if (container !== jobsContainer) {
    requireAllowed({ code: 'JOB_OUTPUT_NOT_ALLOWED', member: 'output.blob', verb: 'write to' }, container, containers)
    return blob
  }
  if (blob.startsWith(own)) return blob
  throw new ScoringError(
    'JOB_OUTPUT_NOT_ALLOWED',
    `output.blob: in the container "${jobsContainer}" this job may write only names that begin with "${own}", not "${blob}"`,
  )
}

function requireAllowed(
  { code, member, verb }: { readonly code: ErrorCode; readonly member: string; readonly verb: string },
  container: string,
  containers: readonly string[],
): void {
  if (containers.includes(container) && !hostContainers.test(container)) return
  const allowed = containers.map(each => `"${each}"`).join(', ') || 'none'
  throw new ScoringError(
    code,
    `${member}: jobs may not ${verb} the container "${container}"; allowed: ${allowed} (SCORING_JOB_CONTAINERS)`,
  )
}
