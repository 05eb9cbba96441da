/** The plan of a job: which rows are in which chunk. Committed in parts, in order, each written once. */
import type { BlobStore } from './blob-store.ts'
import { type JobFolder, jobsContainer, lastNumber, planPartBlob, planPrefix } from './layout.ts'
import type { PlanCursor, PlannedChunk } from './planned-chunk.ts'

/** A pure function of the pinned input and of the part before, so whoever writes it writes the same bytes. */
export interface PlanPart {
  readonly part: number
  /** `chunksPerPart`, or fewer in the last part, which may have none. Their content is kept apart. */
  readonly chunks: readonly Omit<PlannedChunk, 'content'>[]
  readonly next: PlanCursor
  readonly isLast: boolean
}

/** What the listing tells of a part. */
export interface ListedPart {
  readonly part: number
  readonly chunkCount: number
  readonly rows: number
  /** Where the next part begins, in bytes of the (unpacked) text. */
  readonly offset: number
  readonly isLast: boolean
  readonly modifiedAt: number
}

/** @returns false: it is there already, and is the same */
export async function commitPart(store: BlobStore, folder: JobFolder, part: PlanPart): Promise<boolean> {
  const { chunks, next, isLast } = part
  return store.create(planPartBlob(folder, part.part), JSON.stringify(part), {
    chunks: String(chunks.length),
    rows: String(chunks.reduce((sum, { rowCount }) => sum + rowCount, 0)),
    offset: String(next.offset),
    last: String(isLast),
  })
}

/** @returns undefined: not planned yet */
export async function readPart(store: BlobStore, folder: JobFolder, part: number): Promise<PlanPart | undefined> {
  const blob = await store.readWhole(planPartBlob(folder, part))
  return blob && (JSON.parse(Buffer.from(blob.content).toString()) as PlanPart)
}

/** In order; the plan is complete when the last one `isLast`. */
export async function listPlan(store: BlobStore, folder: JobFolder): Promise<ListedPart[]> {
  const parts: ListedPart[] = []
  for await (const { path, metadata, modifiedAt } of store.list(jobsContainer, planPrefix(folder))) {
    parts.push({
      part: lastNumber(path),
      chunkCount: Number(metadata.chunks),
      rows: Number(metadata.rows),
      offset: Number(metadata.offset),
      isLast: metadata.last === 'true',
      modifiedAt,
    })
  }
  return parts
}
