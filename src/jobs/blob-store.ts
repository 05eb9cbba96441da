/** The port to blob storage. Everything that batch jobs know is in blobs; what is committed there is the truth. */
import { brand } from '../errors.ts'

/** A blob of the app's own storage account. */
export interface BlobReference {
  readonly container: string
  /** e.g. `nightly-1/out/000000/000041` */
  readonly path: string
}

/** What a job may read: a blob of the app's account, or one elsewhere by a URL with its own permission (SAS). */
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

export interface ListedBlob extends Omit<BlobHead, 'etag'> {
  readonly path: string
}

/** Part of a blob, in bytes: from `start`, up to but not with `end`. */
export interface ByteRange {
  readonly start: number
  readonly end?: number | undefined
}

export interface BlobStore {
  /** @returns undefined: there is none */
  head(place: ReadableReference): Promise<BlobHead | undefined>

  /**
   * The bytes in pieces; memory does not grow with the blob. A connection that breaks is taken up where it broke.
   *
   * @param etag  the version that is wanted
   * @throws BlobGone, BlobChanged
   */
  read(place: ReadableReference, etag: string, range?: ByteRange): AsyncIterable<Uint8Array>

  /** A small blob as a whole. @returns undefined: there is none */
  readWhole(place: BlobReference): Promise<(BlobHead & { readonly content: Uint8Array }) | undefined>

  /**
   * Writes a blob that is not there yet; makes the container when it is missing. Told `false` after a broken connection
   * it may have been this very call that wrote it.
   *
   * @returns false: there is one already, which stays as it is
   */
  create(place: BlobReference, content: Uint8Array | string, metadata?: BlobMetadata): Promise<boolean>

  /** Writes over the version that `etag` names. @returns false: it is another version by now, or gone */
  replace(place: BlobReference, content: Uint8Array | string, etag: string): Promise<boolean>

  /** Does nothing when there is none. */
  remove(place: BlobReference): Promise<void>

  /** In the order of their paths (by code units), with metadata; nothing when the container is missing. */
  list(container: string, prefix: string): AsyncIterable<ListedBlob>

  /** Puts a block beside a blob, to be committed later; the blob need not be there yet, and is not changed. */
  stageBlock(place: BlobReference, blockId: string, content: Uint8Array): Promise<void>

  /**
   * Makes a blob that is not there yet of blocks that were staged.
   *
   * @param blockIds  in order; 50,000 at most
   * @returns `exists`: there is a blob, which stays as it is; `missing`: a block is not there (any more)
   */
  commitBlocks(
    place: BlobReference,
    blockIds: readonly string[],
    metadata: BlobMetadata,
  ): Promise<'committed' | 'exists' | 'missing'>
}

/** The blob is not there. */
export class BlobGone extends Error {
  override readonly name = 'BlobGone'
}
brand(BlobGone, 'BlobGone')

/** There is another version of the blob than the one that was asked for. */
export class BlobChanged extends Error {
  override readonly name = 'BlobChanged'
}
brand(BlobChanged, 'BlobChanged')

/** The storage did not do what it was asked for. Says where, and never with which key, token or signature. */
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
