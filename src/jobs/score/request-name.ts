/**
 * Names of requests of batch jobs. The workers record what they run in a file that outlives the process, so from the name the next
 * process knows which rows were in the model when the last one ended.
 */
import { jobRowsPrefix } from '../../scheduling/inference-request.ts'
import { type JobFolder, jobFolder } from '../layout.ts'
import type { RowRange } from './attempt-log.ts'

interface ChunkRows extends RowRange {
  readonly folder: JobFolder
  readonly chunk: number
}

/** @returns e.g. `job:iris/nightly-1:3:100-164`: rows 100 up to but not including 164 of chunk 3 */
export function nameRequest({ folder, chunk, from, to }: ChunkRows): string {
  return `${jobRowsPrefix}${folder}:${chunk}:${from}-${to}`
}

const rowsPattern = /^([^/:]+)\/([^/:]+):(\d{1,9}):(\d{1,9})-(\d{1,9})$/

/** @returns undefined for the name of another request, which may be any text */
export function parseRequestName(name: string): ChunkRows | undefined {
  if (!name.startsWith(jobRowsPrefix)) return undefined
  const [, service, jobId, ...numbers] = rowsPattern.exec(name.slice(jobRowsPrefix.length)) ?? []
  if (service === undefined || jobId === undefined) return undefined
  const [chunk = 0, from = 0, to = 0] = numbers.map(Number)
  return to > from ? { folder: jobFolder(service, jobId), chunk, from, to } : undefined
}
