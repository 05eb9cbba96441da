/**
 * Names of requests of batch jobs. The workers record what they run in a file that outlives the process, so from the name the next
 * process knows which rows were in the model when the last one ended.
 */
import { jobRowsPrefix } from '../../scheduling/inference-request.ts'
import { type JobFolder, jobFolder } from '../layout.ts'
import type { RowsOfChunk } from '../row-scorer.ts'
import type { RowRange } from './attempt-log.ts'

interface ChunkRows extends RowRange {
  readonly folder: JobFolder
  readonly chunk: number
}

/** @returns e.g. `job:iris/nightly-1:3:100-164`: rows 100 up to but not including 164 of chunk 3 */
export function nameRequest({ folder, chunk, from, to }: ChunkRows): string {
  return `${jobRowsPrefix}${folder}:${chunk}:${from}-${to}`
}

/**
 * Names a request by some of the rows of a call, which may be others of their chunk.
 *
 * @param from  of the rows of the call
 * @returns as `nameRequest`: with `origin.indexes`, all rows of the chunk from the first to the last one
 */
export function nameRows({ folder, chunk, indexes }: RowsOfChunk, from: number, to: number): string {
  if (!indexes) return nameRequest({ folder, chunk, from, to })
  return nameRequest({ folder, chunk, from: indexes[from] ?? 0, to: (indexes[to - 1] ?? 0) + 1 })
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
