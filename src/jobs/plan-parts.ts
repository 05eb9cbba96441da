/** The plan of a job: which rows are in which chunk. It is committed in parts, in order; each is written once. */
import type { BlobStore } from './blob-store.ts'
import { type JobFolder, jobsContainer, lastNumber, planPartBlob, planPrefix } from './layout.ts'
import type { PlanCursor, PlannedChunk } from './planned-chunk.ts'

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
  readonly isLast: boolean
  readonly modifiedAt: number
}

/** @returns false when the part exists already; its bytes are the same */
export async function commitPart(store: BlobStore, folder: JobFolder, part: PlanPart): Promise<boolean> {
  const { chunks, next, isLast } = part
  return store.create(planPartBlob(folder, part.part), JSON.stringify(part), {
    chunks: String(chunks.length),
    rows: String(chunks.reduce((sum, { rowCount }) => sum + rowCount, 0)),
    offset: String(next.offset),
    last: String(isLast),
  })
}

/** @returns undefined when the part is not planned yet */
export async function readPart(store: BlobStore, folder: JobFolder, part: number): Promise<PlanPart | undefined> {
  const blob = await store.readWhole(planPartBlob(folder, part))
  return blob && (JSON.parse(Buffer.from(blob.content).toString()) as PlanPart)
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
      isLast: metadata.last === 'true',
      modifiedAt,
    })
  }
  return parts
}
