/** The port to blob storage. All that is known of a job is in blobs; what is committed there is the truth. */
import { brand } from '../errors.ts'

/** A blob of the app's own storage account. */
export interface BlobReference {
  readonly container: string
  /** e.g. `nightly-1/out/000000/000041` */
  readonly path: string
}

/** A blob that a job may read: of the app's account, or of another one by a URL with a shared access signature. */
export type ReadableReference = BlobReference | { readonly url: string }

export interface BlobHead {
  readonly bytes: number
  readonly etag: string
  readonly metadata: BlobMetadata
  /** Milliseconds since 1970, by the clock of the storage. */
  readonly modifiedAt: number
}

/** Names are letters, digits and underscores, in lower case; values are ASCII. */
export type BlobMetadata = Readonly<Record<string, string>>

export interface ListedBlob extends BlobHead {
  readonly path: string
}

/** Bytes of a blob from `start`, up to but not including `end`. */
export interface ByteRange {
  readonly start: number
  readonly end?: number | undefined
}

/** In place of an etag (RFC 9110, section 13.1.1). */
export const anyVersion = '*'

export interface BlobStore {
  /** The time by the clock of the storage, in milliseconds since 1970. Clocks of machines differ from it, and may jump. */
  now(): Promise<number>

  /** @returns undefined when there is no such blob */
  head(blob: ReadableReference): Promise<BlobHead | undefined>

  /**
   * Streams the bytes of one version. Memory does not grow with the blob, and a broken connection is resumed where it broke.
   *
   * @throws BlobGone, BlobChanged
   */
  read(blob: ReadableReference, etag: string, range?: ByteRange): AsyncIterable<Uint8Array>

  /** Reads a small blob at once. @returns undefined when there is no such blob */
  readWhole(blob: BlobReference): Promise<(BlobHead & { readonly content: Uint8Array }) | undefined>

  /**
   * Writes a blob that does not exist yet, and its container if that is missing. A call that is tried again after a broken connection
   * knows the blob that it wrote itself.
   *
   * @returns the version that was written; undefined when the blob exists, which is not changed
   */
  create(blob: BlobReference, content: Uint8Array | string, metadata?: BlobMetadata): Promise<string | undefined>

  /**
   * Overwrites the version that `etag` names, with its metadata. A call that is tried again knows what it wrote itself, unless another
   * one has replaced it since.
   *
   * @param etag  `anyVersion`: whichever there is
   * @returns the version that was written; undefined when the blob has another one or is gone
   */
  replace(
    blob: BlobReference,
    content: Uint8Array | string,
    etag: string,
    metadata?: BlobMetadata,
  ): Promise<string | undefined>

  /** Does nothing when there is no such blob. */
  remove(blob: BlobReference): Promise<void>

  /** Lists blobs with their metadata, sorted by path (code units). A missing container has none. */
  list(container: string, prefix: string): AsyncIterable<ListedBlob>

  /**
   * Uploads a block for a later commit. The blob need not exist, and is not changed.
   *
   * @param checksum  MD5 of the content, if it is known
   */
  stageBlock(blob: BlobReference, blockId: string, content: Uint8Array, checksum?: Uint8Array): Promise<void>

  /**
   * Creates a blob from staged blocks, or replaces a version of it. Either drops all other blocks that were staged.
   *
   * @param blockIds  in order; 50,000 at most
   * @param replacedEtag  the version to replace; absent: there is no such blob
   * @returns `exists`: there is a blob, or another version than that, which is not changed; `missing`: a block was never staged, or
   *   has expired
   */
  commitBlocks(
    blob: BlobReference,
    blockIds: readonly string[],
    metadata: BlobMetadata,
    replacedEtag?: string,
  ): Promise<'committed' | 'exists' | 'missing'>
}

/** Reads a small blob of JSON. @returns undefined when there is no such blob */
export async function readJson<T>(
  store: BlobStore,
  blob: BlobReference,
): Promise<{ readonly value: T; readonly etag: string } | undefined> {
  const found = await store.readWhole(blob)
  return found && { value: JSON.parse(Buffer.from(found.content).toString()) as T, etag: found.etag }
}

/** The blob does not exist. */
export class BlobGone extends Error {
  override readonly name = 'BlobGone'
}
brand(BlobGone, 'BlobGone')

/** The blob has another version than the requested one. */
export class BlobChanged extends Error {
  override readonly name = 'BlobChanged'
}
brand(BlobChanged, 'BlobChanged')

/** A call of the storage failed. The message names the blob or queue, and never a key, token or signature. */
export class StorageError extends Error {
  override readonly name = 'StorageError'
  /** The storage's own code such as `ServerBusy`, the system's such as `ECONNRESET`, or `timeout`. */
  readonly code: string

  constructor(message: string, code: string) {
    super(message)
    this.code = code
  }
}
brand(StorageError, 'StorageError')
