import type { Readable } from 'node:stream'
import type { BlobClient, BlobDownloadResponseParsed } from '@azure/storage-blob'
import { BlobChanged, BlobGone, type BlobHead, type ByteRange, StorageError } from '../../jobs/blob-store.ts'
import { maxTries, pauseAfter, type StorageCallOptions, storageCall } from './storage-calls.ts'
import { statusOf, storageError } from './storage-failure.ts'

/** So long is one request at most: a reader that takes its time does not keep a connection open for an hour. */
const maxRequestBytes = 16 * 1024 * 1024

/**
 * The bytes of one version. A request whose body breaks off is followed by one for the rest; after some that brought
 * nothing the read fails.
 *
 * @param name  of the blob, for errors
 * @throws BlobGone, BlobChanged, StorageError
 */
export async function* readBlob(
  blob: BlobClient,
  name: string,
  etag: string,
  { start, end = Number.POSITIVE_INFINITY }: ByteRange,
  calls: StorageCallOptions,
): AsyncIterable<Uint8Array> {
  const what = `give the blob ${name}`
  let failures = 0
  let last = end
  for (let at = start; at < last; ) {
    const request = await openRange(blob, name, etag, at, Math.min(last - at, maxRequestBytes), calls)
    if (!request) return
    last = Math.min(end, request.totalBytes)
    const begun = at
    try {
      for await (const piece of piecesOf(request.body, calls.deadlineMs)) {
        at += piece.length
        failures = 0
        yield piece
      }
      if (at === begun) throw new StorageError(`the storage did not ${what}: it gave no bytes`, 'no-bytes')
    } catch (failure) {
      if (++failures >= maxTries) throw storageError(what, failure)
      await pauseAfter(failures, calls)
    }
  }
}

/** A small blob as a whole, in one request. @returns undefined: there is none */
export async function readWholeBlob(
  blob: BlobClient,
  name: string,
  calls: StorageCallOptions,
): Promise<(BlobHead & { content: Uint8Array }) | undefined> {
  const what = `give the blob ${name}`
  for (let failures = 0; ; ) {
    const response = await storageCall(
      what,
      calls,
      abortSignal => blob.download(0, undefined, { abortSignal, maxRetryRequests: 0 }),
      failure => (statusOf(failure) === 404 ? { is: undefined } : undefined),
    )
    if (!response) return undefined
    try {
      const pieces: Uint8Array[] = []
      for await (const piece of piecesOf(bodyOf(response), calls.deadlineMs)) pieces.push(piece)
      return { ...headOf(name, response), content: Buffer.concat(pieces) }
    } catch (failure) {
      if (++failures >= maxTries) throw storageError(what, failure)
      await pauseAfter(failures, calls)
    }
  }
}

/** @returns undefined: there is none */
export async function headBlob(
  blob: BlobClient,
  name: string,
  calls: StorageCallOptions,
): Promise<BlobHead | undefined> {
  const ask = (abortSignal: AbortSignal) => blob.getProperties({ abortSignal })
  const isAbsent = (failure: unknown) => (statusOf(failure) === 404 ? { is: undefined } : undefined)
  const answer = await storageCall(`tell of the blob ${name}`, calls, ask, isAbsent)
  return answer && headOf(name, answer)
}

/** @throws StorageError when the other side, which need not be Azure's, does not tell what a version is known by */
function headOf(
  name: string,
  answer: Pick<BlobDownloadResponseParsed, 'contentLength' | 'etag' | 'lastModified' | 'metadata'>,
): BlobHead {
  const { contentLength: bytes, etag, lastModified, metadata } = answer
  if (bytes === undefined || !etag || !lastModified) {
    throw new StorageError(
      `the storage told of the blob ${name} no length, no ETag or no time: a job needs all of them`,
      'no-etag',
    )
  }
  return { bytes, etag, metadata: lowerCased(metadata), modifiedAt: lastModified.getTime() }
}

/** Others may have written names in any case, and a header and a list do not agree about it. */
export function lowerCased(metadata: Readonly<Record<string, string>> = {}): Record<string, string> {
  return Object.fromEntries(Object.entries(metadata).map(([name, value]) => [name.toLowerCase(), value ?? '']))
}

/** @returns undefined: the blob is the version that is wanted, and ends before `at` */
async function openRange(
  blob: BlobClient,
  name: string,
  etag: string,
  at: number,
  bytes: number,
  calls: StorageCallOptions,
): Promise<{ body: Readable; totalBytes: number } | undefined> {
  const response = await storageCall(
    `give the blob ${name}`,
    calls,
    abortSignal => blob.download(at, bytes, { abortSignal, maxRetryRequests: 0, conditions: { ifMatch: etag } }),
    failure => {
      const status = statusOf(failure)
      return status === 404 || status === 412 || status === 416 ? { is: undefined } : undefined
    },
  )
  if (!response) return checkVersion(blob, name, etag, calls)
  const body = bodyOf(response)
  const [, first, total] = /^bytes (\d+)-\d+\/(\d+)$/.exec(response.contentRange ?? '') ?? []
  if (response.etag === etag && Number(first) === at) return { body, totalBytes: Number(total) }
  body.destroy()
  if (response.etag !== etag)
    throw new BlobChanged(`the blob ${name} is another version than the one that was asked for`)
  throw new StorageError(`the storage gave other bytes of the blob ${name} than it was asked for`, 'no-range')
}

/** Storages differ in which refusal comes first: of a blob that is not there, of another version, of a range beyond it. */
async function checkVersion(
  blob: BlobClient,
  name: string,
  etag: string,
  calls: StorageCallOptions,
): Promise<undefined> {
  const head = await headBlob(blob, name, calls)
  if (!head) throw new BlobGone(`there is no blob ${name}`)
  if (head.etag !== etag) throw new BlobChanged(changed(name))
}

function changed(name: string): string {
  return `the blob ${name} is another version than the one that was asked for`
}

function bodyOf({ readableStreamBody }: BlobDownloadResponseParsed): Readable {
  return readableStreamBody as Readable
}

/** Fails when no data arrives for too long while a reader waits. */
async function* piecesOf(body: Readable, longestWaitMs: number): AsyncIterable<Uint8Array> {
  const pieces = body[Symbol.asyncIterator]()
  try {
    for (;;) {
      const watch = setTimeout(() => body.destroy(new StorageError('no bytes in time', 'timeout')), longestWaitMs)
      const { done, value } = await pieces.next().finally(() => clearTimeout(watch))
      if (done) return
      yield value
    }
  } finally {
    body.destroy()
  }
}
