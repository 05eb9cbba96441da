/** Outputs that would replace an input of their job, or become a job themselves. */
import type { InputFile } from '../input-files.ts'
import { createMatcher } from './blob-pattern.ts'
import type { FileSource } from './find-files.ts'
import { invalidJob } from './job-invalid.ts'
import type { JobRequest } from './job-request.ts'

/**
 * @param output  with the date of the job
 * @param watch  what the service makes a job of each
 * @throws ScoringError JOB_INVALID when the output would be an input of this job, or of another one
 */
export function requireOtherBlob(source: JobRequest['source'], output: string, watch: string | undefined): void {
  requireUnwatched(output, watch)
  if ('blob' in source && source.blob === output)
    throw invalidJob(`output.blob: "${output}" is the input of the job; choose another name for the output`)
  if (!('files' in source)) return
  const { files } = source
  const isInput = 'pattern' in files ? createMatcher(files.pattern)(output) : files.blobs.includes(output)
  if (isInput) throw invalidJob(`output.blob: "${output}" is among the inputs of the job; choose another folder`)
}

/**
 * @param files  each with its output
 * @throws ScoringError JOB_INVALID as `requireOtherBlob`
 */
export function requireOtherBlobs(source: FileSource, files: readonly InputFile[], watch: string | undefined): void {
  const inputs = new Set(files.map(({ blob }) => blob))
  const isInput = 'pattern' in source ? createMatcher(source.pattern) : (blob: string) => inputs.has(blob)
  for (const { blob, output = '' } of files) {
    requireUnwatched(output, watch)
    if (isInput(output))
      throw invalidJob(`output.blob: "${output}" for "${blob}" is among the inputs of the job; choose another folder`)
  }
}

function requireUnwatched(output: string, watch: string | undefined): void {
  if (watch !== undefined && createMatcher(watch)(output))
    throw invalidJob(`output.blob: "${output}" is watched ("${watch}" in service.json), and would become a job as well`)
}
