import { ScoringError } from '../../errors.ts'
import { type BlobHead, type BlobStore, StorageError } from '../blob-store.ts'
import { inlineRowsBlob, parseBlobReference, signatureBlob } from '../layout.ts'
import type { JobSpec } from '../spec.ts'
import type { JobRequest } from './job-request.ts'

/** Formats in which no bytes are no rows; those of the others begin with something. */
const mayBeEmpty = new Set(['jsonl', 'csv'])

/**
 * Looks the input of an order up and pins its version. Rows that came inline are in a blob afterwards, and the signature
 * of a URL in another.
 *
 * @throws ScoringError JOB_INPUT_MISSING, JOB_INPUT_EMPTY, JOB_INPUT_TOO_LARGE
 */
export async function pinInput(
  store: BlobStore,
  { folder, source }: JobRequest,
  maxBytes: number,
): Promise<JobSpec['input']> {
  const { format, isGzip, header, columns } = source
  const table = { format, isGzip, ...(header === undefined ? {} : { header }), ...(columns && { columns }) }
  if ('rows' in source) {
    const place = inlineRowsBlob(folder, source.hash)
    await store.create(place, source.rows)
    const head = await store.head(place)
    if (!head) throw new ScoringError('JOBS_UNAVAILABLE', 'The rows could not be kept; try again.')
    return { place: { blob: `${place.container}/${place.path}` }, etag: head.etag, bytes: head.bytes, ...table }
  }
  const { head, name, place } = 'blob' in source ? await blobOf(store, source.blob) : await remoteOf(store, source)
  if (!head) throw new ScoringError('JOB_INPUT_MISSING', `${name}; put it there before the job is submitted`)
  const { bytes, etag } = head
  if (bytes > maxBytes) {
    const limit = `a job takes ${maxBytes} (SCORING_JOB_MAX_INPUT_BYTES); cut the input into several`
    throw new ScoringError('JOB_INPUT_TOO_LARGE', `input: has ${bytes} bytes, ${limit}`)
  }
  // A night without patients is no mistake, a file that was cut off is.
  if (bytes === 0 && (isGzip || !mayBeEmpty.has(format))) {
    throw new ScoringError('JOB_INPUT_EMPTY', `input: has no bytes at all, so it is no ${isGzip ? 'gzip' : format}`)
  }
  if ('signature' in source && source.signature !== '') await store.create(signatureBlob(folder), source.signature)
  return { place, etag, bytes, ...table }
}

/**
 * The version of the input that is there now.
 *
 * @returns undefined: that cannot be told, or there is nothing to change
 */
export async function currentEtag(store: BlobStore, { source }: JobRequest): Promise<string | undefined> {
  if ('rows' in source) return undefined
  if ('blob' in source) return (await store.head(parseBlobReference(source.blob)))?.etag
  // A signature may have ended since; that makes no other job of it.
  return (await remoteOf(store, source).catch(() => undefined))?.head?.etag
}

interface Found {
  readonly head: BlobHead | undefined
  /** That it is not there, in words. */
  readonly name: string
  readonly place: JobSpec['input']['place']
}

async function blobOf(store: BlobStore, blob: string): Promise<Found> {
  return {
    head: await store.head(parseBlobReference(blob)),
    name: `input.blob: there is no blob "${blob}"`,
    place: { blob },
  }
}

async function remoteOf(store: BlobStore, { url, signature }: { url: string; signature: string }): Promise<Found> {
  try {
    const head = await store.head({ url: url + signature })
    return { head, name: `input.url: there is no blob ${url}`, place: { url } }
  } catch (failure) {
    // Whoever named a place elsewhere answers for it; the message has the storage's code, and no signature.
    if (!(failure instanceof StorageError)) throw failure
    throw new ScoringError('JOB_INPUT_MISSING', `input.url: ${failure.message}`, { cause: failure })
  }
}
