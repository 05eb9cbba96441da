import type { Readable } from 'node:stream'
import type { BlobClient, BlobDownloadResponseParsed } from '@azure/storage-blob'
import { BlobChanged, BlobGone, type BlobHead, type ByteRange, StorageError } from '../../jobs/blob-store.ts'
import { maxTries, pauseAfter, type StorageCallOptions, storageCall } from './storage-calls.ts'
import { httpStatus, storageError } from './storage-failure.ts'

/** Largest range of one request, so that a slow reader does not keep a connection open for an hour. */
const maxRequestBytes = 16 * 1024 * 1024

export interface ReadableBlob {
  readonly client: BlobClient
  /** For messages. It has no signature. */
  readonly name: string
  readonly calls: StorageCallOptions
}

/** Answers undefined when the blob or its container does not exist. */
export const isAbsent = (failure: unknown) => (httpStatus(failure) === 404 ? { is: undefined } : undefined)

/**
 * Reads the bytes of one version. A request that breaks off is followed by one for the rest. After several without progress, the read
 * fails.
 *
 * @throws BlobGone, BlobChanged, StorageError
 */
export async function* readBlob(
  blob: ReadableBlob,
  etag: string,
  { start, end = Number.POSITIVE_INFINITY }: ByteRange,
): AsyncIterable<Uint8Array> {
  const { name, calls } = blob
  const what = `read the blob ${name}`
  let failures = 0
  let last = end
  for (let at = start; at < last; ) {
    const request = await openRange(blob, etag, { at, bytes: Math.min(last - at, maxRequestBytes) })
    if (!request) return
    last = Math.min(end, request.totalBytes)
    const begun = at
    try {
      for await (const piece of readPieces(request.body, calls.deadlineMs)) {
        at += piece.length
        failures = 0
        yield piece
      }
      if (at === begun) throw new StorageError(`could not ${what}: it sent no bytes`, 'no-bytes')
    } catch (failure) {
      if (++failures >= maxTries) throw storageError(what, failure)
      await pauseAfter(failures, calls)
    }
  }
}

/** Reads a small blob in one request. @returns undefined when there is no such blob */
export async function readWholeBlob({
  client,
  name,
  calls,
}: ReadableBlob): Promise<(BlobHead & { content: Uint8Array }) | undefined> {
  const what = `read the blob ${name}`
  for (let failures = 0; ; ) {
    const response = await storageCall({ what, known: isAbsent }, calls, abortSignal =>
      client.download(0, undefined, { abortSignal, maxRetryRequests: 0 }),
    )
    if (!response) return undefined
    try {
      const pieces: Uint8Array[] = []
      for await (const piece of readPieces(bodyStream(response), calls.deadlineMs)) pieces.push(piece)
      return { ...parseHead(name, response), content: Buffer.concat(pieces) }
    } catch (failure) {
      if (++failures >= maxTries) throw storageError(what, failure)
      await pauseAfter(failures, calls)
    }
  }
}

/** @returns undefined when there is no such blob */
export async function headBlob({ client, name, calls }: ReadableBlob): Promise<BlobHead | undefined> {
  const what = `read the properties of the blob ${name}`
  const answer = await storageCall({ what, known: isAbsent }, calls, abortSignal =>
    client.getProperties({ abortSignal }),
  )
  return answer && parseHead(name, answer)
}

/** @throws StorageError when a server, which may not be Azure's, does not identify the version */
function parseHead(
  name: string,
  answer: Pick<BlobDownloadResponseParsed, 'contentLength' | 'etag' | 'lastModified' | 'metadata'>,
): BlobHead {
  const { contentLength: bytes, etag, lastModified, metadata } = answer
  if (bytes === undefined || !etag || !lastModified) {
    throw new StorageError(
      `the storage sent no length, ETag or modification time for the blob ${name}; jobs need all of them`,
      'no-etag',
    )
  }
  return { bytes, etag, metadata: ownMetadata(metadata), modifiedAt: lastModified.getTime() }
}

/** Metadata with an id of the call that wrote the blob, by which a call knows what an earlier try of its own has written. */
export const writerName = 'scoring_writer'

/** What others gave the blob. Programs write names in any case, and headers and lists differ in it. */
export function ownMetadata(metadata: Readonly<Record<string, string>> | undefined): Record<string, string> {
  const { [writerName]: _, ...own } = lowerCased(metadata)
  return own
}

export function lowerCased(metadata: Readonly<Record<string, string>> = {}): Record<string, string> {
  return Object.fromEntries(Object.entries(metadata).map(([name, value]) => [name.toLowerCase(), value ?? '']))
}

/** @returns undefined when the blob has the requested version and ends before `at` */
async function openRange(
  blob: ReadableBlob,
  etag: string,
  { at, bytes }: { readonly at: number; readonly bytes: number },
): Promise<{ body: Readable; totalBytes: number } | undefined> {
  const { client, name, calls } = blob
  const known = (failure: unknown) => {
    const status = httpStatus(failure)
    return status === 404 || status === 412 || status === 416 ? { is: undefined } : undefined
  }
  const response = await storageCall({ what: `read the blob ${name}`, known }, calls, abortSignal =>
    client.download(at, bytes, { abortSignal, maxRetryRequests: 0, conditions: { ifMatch: etag } }),
  )
  if (!response) return checkVersion(blob, etag)
  const body = bodyStream(response)
  const [, first, total] = /^bytes (\d+)-\d+\/(\d+)$/.exec(response.contentRange ?? '') ?? []
  if (response.etag === etag && Number(first) === at) return { body, totalBytes: Number(total) }
  body.destroy()
  if (response.etag !== etag) throw changed(name)
  throw new StorageError(`the storage sent another range of the blob ${name} than was requested`, 'no-range')
}

/** Storages differ in what they report first: a missing blob, another version, or a range beyond the end. */
async function checkVersion(blob: ReadableBlob, etag: string): Promise<undefined> {
  const head = await headBlob(blob)
  if (!head) throw new BlobGone(`there is no blob ${blob.name}`)
  if (head.etag !== etag) throw changed(blob.name)
}

function changed(name: string): BlobChanged {
  return new BlobChanged(`the blob ${name} has another version than the requested one`)
}

function bodyStream({ readableStreamBody }: BlobDownloadResponseParsed): Readable {
  return readableStreamBody as Readable
}

/** Fails when no bytes come for too long while the caller waits. */
async function* readPieces(body: Readable, timeoutMs: number): AsyncIterable<Uint8Array> {
  const pieces = body[Symbol.asyncIterator]()
  try {
    for (;;) {
      const watch = setTimeout(
        () => body.destroy(new StorageError(`no bytes within ${timeoutMs} ms`, 'timeout')),
        timeoutMs,
      )
      const { done, value } = await pieces.next().finally(() => clearTimeout(watch))
      if (done) return
      yield value
    }
  } finally {
    body.destroy()
  }
}
