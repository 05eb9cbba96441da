/** The output of a job: blocks that are staged one by one, and committed together as a blob that was not there before. */
import { createHash } from 'node:crypto'
import type { BlobHead, BlobMetadata } from '../blob-store.ts'
import { JobFailure } from '../failure.ts'
import { parseBlobReference } from '../layout.ts'
import type { JobSpec } from '../spec.ts'
import type { JobTools } from '../tools.ts'

/**
 * The content decides the id, so two who stage the same block stage the same bytes, and one who has other bytes
 * overwrites nothing. All ids are equally long, as Azure wants those of one blob.
 *
 * @param kind  c: lines of the chunk `number`; j: of several chunks, the first being `number`; h: header of an empty CSV
 */
export function blockId(kind: 'c' | 'j' | 'h', number: number, content: Uint8Array): string {
  const hash = createHash('sha256').update(content).digest('hex').slice(0, 20)
  return Buffer.from(kind + String(number).padStart(9, '0') + hash).toString('base64')
}

/** By which an output is known to be this job's, and not one of an earlier job with the same id. */
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
  block: string,
  content: Uint8Array,
): Promise<void> {
  const place = parseBlobReference(spec.output.blob)
  try {
    await store.stageBlock(place, block, content)
  } catch (failure) {
    // Beside a blob of another kind, or with ids of another length, no block of ours can be staged, however often.
    const head = await store.head(place)
    throw head && !isOwnOutput(spec, head) ? outputExists(spec) : failure
  }
}

export function outputExists({ output }: JobSpec): JobFailure {
  return new JobFailure(
    'OUTPUT_EXISTS',
    `the output ${output.blob} was written by somebody else while the job ran; it stays as it is`,
  )
}

export function resultsMissing(): JobFailure {
  return new JobFailure('RESULTS_MISSING', 'results of the job were removed before its output was put together')
}
