import { ScoringError } from '../../errors.ts'
import { type BlobHead, type BlobReference, type BlobStore, StorageError } from '../blob-store.ts'
import { inlineRowsBlob, type JobFolder, parseBlobReference, signatureBlob } from '../layout.ts'
import type { JobSpec } from '../spec.ts'
import type { JobRequest } from './job-request.ts'
import { findFilesVersion, type PinLimits, pinFiles } from './pin-files.ts'
import { requireBytes, requireFewBytes } from './require-bytes.ts'
import type { StagedFile } from './staged-file.ts'

/**
 * Finds the input of a request and pins its version. Stores inline rows, and the signature of a URL, in blobs of the job.
 *
 * @throws ScoringError JOB_INPUT_MISSING, JOB_INPUT_EMPTY, JOB_INPUT_TOO_LARGE
 */
export async function pinInput(store: BlobStore, request: JobRequest, limits: PinLimits): Promise<JobSpec['input']> {
  const { folder, source } = request
  const { format, isGzip, header, columns, dialect } = source
  const table = {
    format,
    isGzip,
    ...(header === undefined ? {} : { header }),
    ...(columns && { columns }),
    ...(dialect && { dialect }),
  }
  if ('rows' in source) {
    const { container, path } = inlineRowsBlob(folder, source.hash)
    await store.create({ container, path }, source.rows)
    const head = await store.head({ container, path })
    if (!head) throw new ScoringError('JOBS_UNAVAILABLE', 'The rows could not be stored; try again.')
    return { place: { blob: asName({ container, path }) }, etag: head.etag, bytes: head.bytes, ...table }
  }
  if ('file' in source) {
    requireBytes(source, source.file.bytes)
    return { ...(await commitFile(store, source.file, folder)), ...table }
  }
  if ('files' in source) return { ...table, ...(await pinFiles(store, request, source, limits)) }
  const { head, name, reference } =
    'blob' in source ? await findBlob(store, source.blob) : await findRemote(store, source)
  if (!head) throw new ScoringError('JOB_INPUT_MISSING', `${name}; upload it before you submit the job`)
  const { bytes, etag } = head
  requireFewBytes(bytes, limits.maxInputBytes)
  requireBytes(source, bytes)
  if ('signature' in source && source.signature !== '') await store.create(signatureBlob(folder), source.signature)
  return { place: reference, etag, bytes, ...table }
}

async function commitFile(
  store: BlobStore,
  { blob, blockIds }: StagedFile,
  folder: JobFolder,
): Promise<Pick<JobSpec['input'], 'place' | 'etag' | 'bytes'>> {
  // If no job is created, the sweeper sees it by that.
  await store.commitBlocks(blob, blockIds, { folder })
  const head = await store.head(blob)
  if (!head) throw new ScoringError('JOBS_UNAVAILABLE', 'The file could not be stored; try again.')
  return { place: { blob: asName(blob) }, etag: head.etag, bytes: head.bytes }
}

/** @returns the current version of the input; undefined when it cannot be read, or came with the submission */
export async function findCurrentEtag(store: BlobStore, { source }: JobRequest): Promise<string | undefined> {
  if ('files' in source) return findFilesVersion(store, source)
  if ('rows' in source || 'file' in source) return undefined
  if ('blob' in source) return (await store.head(parseBlobReference(source.blob)))?.etag
  // The signature may have expired since. The job is still the same.
  return (await findRemote(store, source).catch(() => undefined))?.head?.etag
}

function asName({ container, path }: BlobReference): string {
  return `${container}/${path}`
}

interface FoundInput {
  readonly head: BlobHead | undefined
  /** The message for an input that does not exist. */
  readonly name: string
  readonly reference: JobSpec['input']['place']
}

async function findBlob(store: BlobStore, blob: string): Promise<FoundInput> {
  const head = await store.head(parseBlobReference(blob))
  return { head, name: `input.blob: there is no blob "${blob}"`, reference: { blob } }
}

async function findRemote(
  store: BlobStore,
  { url, signature }: { readonly url: string; readonly signature: string },
): Promise<FoundInput> {
  try {
    const head = await store.head({ url: url + signature })
    return { head, name: `input.url: there is no blob ${url}`, reference: { url } }
  } catch (failure) {
    // The caller chose the URL, so a failure there is the caller's. The message has the storage's code, and no signature.
    if (!(failure instanceof StorageError)) throw failure
    throw new ScoringError('JOB_INPUT_MISSING', `input.url: ${failure.message}`, { cause: failure })
  }
}
