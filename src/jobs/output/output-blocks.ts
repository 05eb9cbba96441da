/** The output of a job: blocks that are staged one by one and committed together as a new blob. */
import { createHash } from 'node:crypto'
import type { BlobHead, BlobMetadata } from '../blob-store.ts'
import { JobFailure } from '../failure.ts'
import { parseBlobReference } from '../layout.ts'
import type { JobSpec } from '../spec.ts'
import type { JobTools } from '../tools.ts'

/**
 * The id of a block contains a hash of its content, so that a block is never overwritten with other bytes. All ids have the same
 * length, which Azure requires within a blob.
 *
 * @param kind  c: lines of the chunk `number`; j: joined lines of several chunks from `number` on; h: an output without rows; f: the end of a Parquet file
 */
export function blockId(kind: 'c' | 'j' | 'h' | 'f', number: number, content: Uint8Array): string {
  const hash = createHash('sha256').update(content).digest('hex').slice(0, 20)
  return Buffer.from(kind + String(number).padStart(9, '0') + hash).toString('base64')
}

/** Metadata that tells this job's output from that of an earlier job with the same id. */
export function outputMetadata({ jobId, fingerprint, createdAt }: JobSpec): BlobMetadata {
  return { scoringjob: jobId, fingerprint, created: createdAt }
}

export function isOwnOutput(spec: JobSpec, { metadata }: BlobHead): boolean {
  return Object.entries(outputMetadata(spec)).every(([name, value]) => metadata[name] === value)
}

/** @throws JobFailure OUTPUT_EXISTS */
export async function stageForOutput(
  { store }: JobTools,
  spec: JobSpec,
  { blob, id, content }: { readonly blob: string; readonly id: string; readonly content: Uint8Array },
): Promise<void> {
  const output = parseBlobReference(blob)
  try {
    await store.stageBlock(output, id, content)
  } catch (failure) {
    // No retry helps if a foreign blob of another type, or with staged blocks whose ids have another length, is there.
    const head = await store.head(output)
    if (!head || isOwnOutput(spec, head)) throw failure
    throw outputExists(spec, blob)
  }
}

export function outputExists({ output }: JobSpec, blob: string): JobFailure {
  const what = output.overwrite
    ? `the blob ${blob} cannot be replaced, because it is no block blob; remove it`
    : `another program wrote the blob ${blob} while the job ran; it is not overwritten`
  return new JobFailure('OUTPUT_EXISTS', what)
}

export function resultsMissing(): JobFailure {
  return new JobFailure('RESULTS_MISSING', 'results of the job were removed before its output was written')
}
