/** The file of a job that came with its submission: it is staged in the app's storage as it arrives, and exists once it is committed. */
import { createHash } from 'node:crypto'
import { ScoringError } from '../../errors.ts'
import type { BlobReference, BlobStore } from '../blob-store.ts'
import type { InputFormat } from '../spec.ts'

/** What is known of a file before it is read. */
export interface SentFile {
  /** As its sender calls it, e.g. `patients.csv`. */
  readonly name?: string | undefined
  /** By its media type, for a file whose name does not say the format. */
  readonly usualFormat?: InputFormat | undefined
  readonly isGzip?: boolean
}

export interface StagedFile extends SentFile {
  /** Where it will be. */
  readonly blob: BlobReference
  /** In order. */
  readonly blockIds: readonly string[]
  readonly bytes: number
  /** SHA-256, by which a repeated submission is recognised. */
  readonly hash: string
}

/** Bytes of a block: all of a file that is held in memory. */
export const blockBytes = 4 * 2 ** 20

/**
 * Stages a file block by block. If it ends early there is no blob: the storage removes blocks that are not committed.
 *
 * @throws ScoringError JOB_INPUT_TOO_LARGE; what `pieces` throws
 */
export async function stageFile(
  { store, maxBytes, blob }: { readonly store: BlobStore; readonly maxBytes: number; readonly blob: BlobReference },
  pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<StagedFile> {
  const hash = createHash('sha256')
  const blockIds: string[] = []
  const block = Buffer.allocUnsafe(Math.min(blockBytes, maxBytes + 1))
  let filled = 0
  let bytes = 0
  const stage = async () => {
    const id = Buffer.from(String(blockIds.length).padStart(6, '0')).toString('base64')
    await store.stageBlock(blob, id, block.subarray(0, filled))
    blockIds.push(id)
    filled = 0
  }
  for await (const piece of pieces) {
    bytes += piece.length
    requireSize(bytes, maxBytes)
    hash.update(piece)
    for (let at = 0; at < piece.length; ) {
      const part = piece.subarray(at, at + block.length - filled)
      block.set(part, filled)
      filled += part.length
      at += part.length
      if (filled === block.length) await stage()
    }
  }
  if (filled > 0) await stage()
  return { blob, blockIds, bytes, hash: hash.digest('hex') }
}

/** @throws ScoringError JOB_INPUT_TOO_LARGE */
export function requireSize(bytes: number, maxBytes: number): void {
  if (bytes <= maxBytes) return
  throw new ScoringError(
    'JOB_INPUT_TOO_LARGE',
    `the file has more than ${maxBytes} bytes (SCORING_JOB_MAX_UPLOAD_BYTES); upload it to a container, and name it in input.blob`,
  )
}
