import type { JobSpec } from './spec.ts'

/** Where a chunk ends: with the row that reaches one of these. */
export interface ChunkSize {
  /** Rows. */
  readonly miniBatchSize: number
  /** Bytes of text. */
  readonly maxChunkBytes: number
}

const [smallestBytes, usualBytes] = [256 * 1024, 4 * 1024 ** 2]
/** A file of up to 128 MiB is divided into so many chunks, if they are not too small, so that several hosts have work. */
const usualChunks = 32
/** Each chunk is a block of the output, which has 50,000 at most. */
const mostChunks = 40_000
const mostRows = 100_000
/** What a chunk takes at least, in milliseconds, where that is known: its messages and calls of the storage take a tenth of it. */
const worthMs = 100

/** Most bytes of a chunk that its submission sizes by rows. A row costs memory, and a chunk is held in memory. */
const mostBytesOfSizedChunk = 8 * 1024 ** 2

/**
 * Chooses the size of the chunks of a job, in bytes of text. A chunk costs the same whatever it holds; above some megabytes that
 * cost no longer shows, while other jobs would wait longer.
 *
 * @param bytes  size of the input as stored
 * @param bytesPerMs  text that a scoring thread reads and scores in a millisecond; undefined: not known
 */
export function chooseChunkBytes(bytes: number, bytesPerMs = 0): number {
  const share = Math.ceil(bytes / usualChunks)
  const worthIt = Math.ceil(bytesPerMs * worthMs)
  return Math.max(smallestBytes, Math.min(usualBytes, Math.max(share, worthIt)), Math.ceil(bytes / mostChunks))
}

/** The size that a job is pinned to. Jobs of version 0.1.0 have `miniBatchSize` without `chunkBytes`. */
export function chunkSize({ miniBatchSize, chunkBytes }: Pick<JobSpec, 'miniBatchSize' | 'chunkBytes'>): ChunkSize {
  return { miniBatchSize: miniBatchSize ?? mostRows, maxChunkBytes: chunkBytes ?? mostBytesOfSizedChunk }
}
