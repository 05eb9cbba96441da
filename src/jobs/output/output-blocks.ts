/** The output of a job: blocks that are staged one by one and committed together as a new blob. */
import { type BlobHead, type BlobMetadata, StorageError } from '../blob-store.ts'
import { JobFailure } from '../failure.ts'
import { parseBlobReference } from '../layout.ts'
import { md5 } from '../md5.ts'
import type { JobSpec } from '../spec.ts'
import type { JobTools } from '../tools.ts'

/** A part of an output that is staged. */
interface OutputBlock {
  /** `<container>/<path>` */
  readonly blob: string
  /** c: lines of the chunk `number`; j: joined lines of several chunks from `number` on; h: an output without rows; f: the end of a Parquet file. */
  readonly kind: 'c' | 'j' | 'h' | 'f'
  readonly number: number
  readonly content: Uint8Array
}

/**
 * The id of a block contains a checksum of its content, so that a block is never overwritten with other bytes. All ids have the same
 * length, which Azure requires within a blob.
 */
function blockId({ kind, number }: OutputBlock, checksum: Uint8Array): string {
  const hash = Buffer.from(checksum).toString('hex').slice(0, 20)
  return Buffer.from(kind + String(number).padStart(9, '0') + hash).toString('base64')
}

/** Metadata that tells this job's output from that of an earlier job with the same id. */
export function outputMetadata({ jobId, fingerprint, createdAt }: JobSpec): BlobMetadata {
  return { scoringjob: jobId, fingerprint, created: createdAt }
}

export function isOwnOutput(spec: JobSpec, { metadata }: BlobHead): boolean {
  return Object.entries(outputMetadata(spec)).every(([name, value]) => metadata[name] === value)
}

/** Why no retry helps, by the storage's code ("Put Block"). Others, such as a busy storage, pass. */
const refusals: Readonly<Record<string, string>> = {
  InvalidBlobType: 'it is no block blob; remove it',
  InvalidBlobOrBlock: 'it has staged blocks of another program; remove it',
  LeaseIdMissing: 'another program holds a lease on it',
  BlobImmutableDueToPolicy: 'a policy of its container keeps it as it is',
}

/**
 * @returns the id of the block
 * @throws JobFailure OUTPUT_EXISTS when a foreign blob takes no blocks; failures after which a retry may succeed
 */
export async function stageForOutput({ store }: JobTools, spec: JobSpec, block: OutputBlock): Promise<string> {
  const { blob, content } = block
  const output = parseBlobReference(blob)
  const checksum = await md5(content)
  const id = blockId(block, checksum)
  try {
    await store.stageBlock(output, id, content, checksum)
    return id
  } catch (failure) {
    const why = failure instanceof StorageError ? refusals[failure.code] : undefined
    const head = why === undefined ? undefined : await store.head(output)
    if (!head || isOwnOutput(spec, head)) throw failure
    throw outputExists(spec, blob, why)
  }
}

/** @param why  it cannot be replaced */
export function outputExists({ output }: JobSpec, blob: string, why = 'it was written while the job ran'): JobFailure {
  const what = output.overwrite
    ? `the blob ${blob} cannot be replaced: ${why}`
    : `another program wrote the blob ${blob} while the job ran; it is not overwritten`
  return new JobFailure('OUTPUT_EXISTS', what)
}

export function resultsMissing(): JobFailure {
  return new JobFailure('RESULTS_MISSING', 'results of the job were removed before its output was written')
}
