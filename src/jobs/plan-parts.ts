/** The plan of a job: which rows are in which chunk. It is committed in parts, in order; each is written once. */

import type { Dtype } from '../tensor/dtype.ts'
import { type BlobStore, readJson } from './blob-store.ts'
import { type JobFolder, jobsContainer, lastNumber, planPartBlob, planPrefix } from './layout.ts'
import { partNumber } from './limits.ts'
import type { PredictionPart } from './line-form.ts'
import type { JobSpec } from './spec.ts'
import type { JobTools } from './tools.ts'

/** The part of an input that one message covers: a pure function of the input's bytes and the spec. */
export interface PlannedChunk {
  /** Number of the chunk in the whole job, from 0. */
  readonly chunk: number
  /** Index of its first row in the whole input, from 0. */
  readonly firstRow: number
  readonly rowCount: number
  /** Bytes of the text from `start`, up to but not including `end`: of the decompressed input, or of what is stored of a Parquet file. */
  readonly start: number
  readonly end: number
  /** Line of its first row in the (decompressed) text, from 1; absent for Parquet, or if an earlier build has planned it. */
  readonly line?: number
  /** The chunk's own text in the format `textFormat`, if the input cannot be read in ranges (gzip, Parquet). */
  readonly content?: Uint8Array
  /** The content is that of `PackedColumns`, and no text. */
  readonly isPacked?: true
  /** The text was UTF-16: bytes are those of its UTF-8, and the chunk has a text of its own. */
  readonly isDecoded?: true
  /** Its file, if the input has several: bytes are those of the text of that file. */
  readonly file?: FilePosition
}

export interface FilePosition {
  /** Place in the list of files, from 0. */
  readonly index: number
  /** Index in the whole input of the first row of the file. */
  readonly firstRow: number
}

/** Index of the first row of a chunk in its file. */
export function rowInFile({ firstRow, file }: Pick<PlannedChunk, 'firstRow' | 'file'>): number {
  return firstRow - (file?.firstRow ?? 0)
}

/** The position at which planning continues. All rows before it are in chunks. */
export interface PlanCursor {
  readonly chunk: number
  readonly row: number
  /** Bytes from the start of the (decompressed) text. */
  readonly offset: number
  /** Line of the offset, from 1; absent as that of chunks. */
  readonly line?: number
  /** The text was UTF-16, so offsets are not those of the input. */
  readonly isDecoded?: true
  /** Names of the columns of a CSV, or of the values of the first record of JSON. */
  readonly columns?: readonly string[]
  /** Types of columns of a Parquet file that are copied to the output, by name. */
  readonly types?: Readonly<Record<string, Dtype>>
  /** Columns of the predictions in the output; absent: one for all of them. */
  readonly predictions?: readonly PredictionPart[]
  /** Only if the input has several files. `bytesBefore`: sizes of the files before this one. */
  readonly file?: FilePosition & { readonly bytesBefore: number }
}

export const planStart: PlanCursor = { chunk: 0, row: 0, offset: 0 }

/** A pure function of the pinned input and the previous part, so that every planner writes the same bytes. */
export interface PlanPart {
  readonly part: number
  /** `chunksPerPart` chunks; the last part may have fewer, or none. Their content is stored in blobs of its own. */
  readonly chunks: readonly Omit<PlannedChunk, 'content'>[]
  readonly next: PlanCursor
  readonly isLast: boolean
}

/** A part as its listing shows it. */
export interface ListedPart {
  readonly part: number
  readonly chunkCount: number
  readonly rows: number
  /** Start of the next part, in bytes of the (decompressed) text. */
  readonly offset: number
  /** Files whose chunks are all in this part and those before it; 0 when there is only one. */
  readonly files: number
  readonly isLast: boolean
  readonly modifiedAt: number
}

/** @returns false when the part exists already; its bytes are the same */
export async function commitPart(store: BlobStore, folder: JobFolder, part: PlanPart): Promise<boolean> {
  const { chunks, next, isLast } = part
  const metadata = {
    chunks: String(chunks.length),
    rows: String(chunks.reduce((sum, { rowCount }) => sum + rowCount, 0)),
    offset: String((next.file?.bytesBefore ?? 0) + next.offset),
    ...(next.file && { files: String(next.file.index) }),
    last: String(isLast),
  }
  return (await store.create(planPartBlob(folder, part.part), JSON.stringify(part), metadata)) !== undefined
}

/** @returns undefined when the part is not planned yet */
export async function readPart(store: BlobStore, folder: JobFolder, part: number): Promise<PlanPart | undefined> {
  return (await readJson<PlanPart>(store, planPartBlob(folder, part)))?.value
}

/** Finds the part that holds a chunk. @returns undefined when it is not planned yet */
export function findPart(
  { store, cache, limits }: Pick<JobTools, 'store' | 'cache' | 'limits'>,
  spec: JobSpec,
  chunk: number,
): Promise<PlanPart | undefined> {
  const number = partNumber(chunk, limits)
  return cache.part(spec, number, () => readPart(store, spec.folder, number))
}

/** Lists parts in order. The plan is complete when the last one `isLast`. */
export async function listPlan(store: BlobStore, folder: JobFolder): Promise<ListedPart[]> {
  const parts: ListedPart[] = []
  for await (const { path, metadata, modifiedAt } of store.list(jobsContainer, planPrefix(folder))) {
    parts.push({
      part: lastNumber(path),
      chunkCount: Number(metadata.chunks),
      rows: Number(metadata.rows),
      offset: Number(metadata.offset),
      files: Number(metadata.files ?? 0),
      isLast: metadata.last === 'true',
      modifiedAt,
    })
  }
  return parts
}
