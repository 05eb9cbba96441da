import {
  AnonymousCredential,
  BlobClient,
  type BlobServiceClient,
  type BlockBlobClient,
  type ContainerClient,
  type ContainerListBlobFlatSegmentResponse,
  logger,
} from '@azure/storage-blob'
import {
  type BlobHead,
  type BlobMetadata,
  type BlobReference,
  type BlobStore,
  type ByteRange,
  type ListedBlob,
  type ReadableReference,
  StorageError,
} from '../../jobs/blob-store.ts'
import { headBlob, lowerCased, readBlob, readWholeBlob } from './read-blob.ts'
import { type FindSignature, remoteUrl } from './remote-url.ts'
import { silence } from './silence.ts'
import { clientOptions, type StorageCallOptions, storageCall, usualCalls } from './storage-calls.ts'
import { errorCode, httpStatus } from './storage-failure.ts'

silence(logger)

const createOnly = { ifNoneMatch: '*' }
const blobExists = (failure: unknown) => (errorCode(failure) === 'BlobAlreadyExists' ? { is: false } : undefined)
/** There is no such blob, or no such container. */
const isAbsent = (failure: unknown) => (httpStatus(failure) === 404 ? { is: undefined } : undefined)

/**
 * Blobs in Azure Storage, block blobs all of them. What is written is checked by TLS on its way and by its length, so
 * there are no checksums on top.
 */
export class AzureBlobStore implements BlobStore {
  readonly #service: BlobServiceClient
  readonly #findSignature: FindSignature
  readonly #calls: StorageCallOptions
  readonly #remoteOptions: object

  /**
   * @param findSignature    what may be read elsewhere, see `remote-url.ts`
   * @param remoteOptions  of the connection to there; tests bring certificates of their own
   */
  constructor(
    service: BlobServiceClient,
    findSignature: FindSignature,
    calls: StorageCallOptions = usualCalls,
    remoteOptions: object = {},
  ) {
    this.#service = service
    this.#findSignature = findSignature
    this.#calls = calls
    this.#remoteOptions = { ...clientOptions(calls), ...remoteOptions }
  }

  async head(place: ReadableReference): Promise<BlobHead | undefined> {
    const { blob, name } = await this.#readable(place)
    return headBlob(blob, name, this.#calls)
  }

  async *read(place: ReadableReference, etag: string, range: ByteRange = { start: 0 }): AsyncIterable<Uint8Array> {
    const { blob, name } = await this.#readable(place)
    yield* readBlob(blob, name, etag, range, this.#calls)
  }

  async readWhole(place: BlobReference): Promise<(BlobHead & { readonly content: Uint8Array }) | undefined> {
    return readWholeBlob(this.#blob(place), nameOf(place), this.#calls)
  }

  create(place: BlobReference, content: Uint8Array | string, metadata: BlobMetadata = {}): Promise<boolean> {
    const bytes = bytesOf(content)
    return this.#inContainer(place, `create the blob ${nameOf(place)}`, blobExists, async (blob, abortSignal) => {
      await blob.upload(bytes, bytes.length, { abortSignal, metadata, conditions: createOnly })
      return true
    })
  }

  replace(place: BlobReference, content: Uint8Array | string, etag: string): Promise<boolean> {
    const bytes = bytesOf(content)
    const isOther = (failure: unknown) => ([404, 412].includes(httpStatus(failure) ?? 0) ? { is: false } : undefined)
    const upload = async (abortSignal: AbortSignal) => {
      await this.#blob(place).upload(bytes, bytes.length, { abortSignal, conditions: { ifMatch: etag } })
      return true
    }
    return storageCall(`replace the blob ${nameOf(place)}`, this.#calls, upload, isOther)
  }

  async remove(place: BlobReference): Promise<void> {
    const remove = (abortSignal: AbortSignal) => this.#blob(place).delete({ abortSignal, deleteSnapshots: 'include' })
    await storageCall(`remove the blob ${nameOf(place)}`, this.#calls, remove, isAbsent)
  }

  async *list(container: string, prefix: string): AsyncIterable<ListedBlob> {
    const client = this.#container(container)
    const what = `list the blobs ${container}/${prefix}`
    let continuationToken: string | undefined
    do {
      const page = await storageCall(
        what,
        this.#calls,
        abortSignal => pageOf(client, { prefix, continuationToken, abortSignal }),
        isAbsent,
      )
      for (const { name, properties, metadata } of page?.segment.blobItems ?? []) {
        const { contentLength: bytes = 0, lastModified } = properties
        yield { path: name, bytes, metadata: lowerCased(metadata), modifiedAt: lastModified.getTime() }
      }
      continuationToken = page?.continuationToken
    } while (continuationToken)
  }

  async stageBlock(place: BlobReference, blockId: string, content: Uint8Array): Promise<void> {
    const stage = (blob: BlockBlobClient, abortSignal: AbortSignal) =>
      blob.stageBlock(blockId, bytesOf(content), content.length, { abortSignal })
    await this.#inContainer(place, `take a block of the blob ${nameOf(place)}`, () => undefined, stage)
  }

  async commitBlocks(
    place: BlobReference,
    blockIds: readonly string[],
    metadata: BlobMetadata,
  ): Promise<'committed' | 'exists' | 'missing'> {
    type Outcome = 'committed' | 'exists' | 'missing'
    const known = (failure: unknown): { is: Outcome } | undefined => {
      const code = errorCode(failure)
      if (code === 'BlobAlreadyExists') return { is: 'exists' }
      return code === 'InvalidBlockList' ? { is: 'missing' } : undefined
    }
    const what = `put together the blob ${nameOf(place)}`
    const outcome = await this.#inContainer<Outcome>(place, what, known, async (blob, abortSignal) => {
      await blob.commitBlockList([...blockIds], { abortSignal, metadata, conditions: createOnly })
      return 'committed'
    })
    // Nobody has promised that a blob which is there is noticed before a block which is not.
    return outcome === 'missing' && (await this.head(place)) ? 'exists' : outcome
  }

  /** A write that makes the container when it is missing. */
  #inContainer<Result>(
    place: BlobReference,
    what: string,
    known: (failure: unknown) => { readonly is: Result } | undefined,
    write: (blob: BlockBlobClient, signal: AbortSignal) => Promise<Result>,
  ): Promise<Result> {
    const work = async (signal: AbortSignal) => {
      try {
        return await write(this.#blob(place), signal)
      } catch (failure) {
        if (errorCode(failure) !== 'ContainerNotFound') throw failure
        await this.#container(place.container).createIfNotExists({ abortSignal: signal })
        return await write(this.#blob(place), signal)
      }
    }
    return storageCall(what, this.#calls, work, known)
  }

  #blob({ container, path }: BlobReference): BlockBlobClient {
    const blob = asBlob(() => this.#container(container).getBlockBlobClient(path))
    if (blob.containerName === container && blob.name === path) return blob
    throw otherBlob()
  }

  #container(name: string): ContainerClient {
    const container = this.#service.getContainerClient(name)
    if (container.containerName === name) return container
    throw otherBlob()
  }

  async #readable(place: ReadableReference): Promise<{ blob: BlobClient; name: string }> {
    if (!('url' in place)) return { blob: this.#blob(place), name: nameOf(place) }
    const { url, name } = await remoteUrl(place.url, this.#findSignature)
    const blob = new BlobClient(url, new AnonymousCredential(), this.#remoteOptions)
    if (!isAt(blob.url, name)) throw new StorageError(`the blob ${name} is not what its URL leads to`, 'other-blob')
    return { blob, name }
  }
}

/** The SDK writes names into URLs, where `..` climbs: whatever spelling goes in, it must come out as it went in. */
function otherBlob(): StorageError {
  return new StorageError('a blob was named by a path that leads to another one', 'other-blob')
}

/** Some names the SDK cannot write at all, or read again. */
function asBlob(open: () => BlockBlobClient): BlockBlobClient {
  try {
    return open()
  } catch (failure) {
    throw failure instanceof StorageError ? failure : otherBlob()
  }
}

/** @param name  origin and path, as `URL` writes them */
function isAt(url: string, name: string): boolean {
  const { origin, pathname } = new URL(url)
  return origin + pathname === name
}

/** Shares the memory of bytes. */
function bytesOf(content: Uint8Array | string): Buffer {
  if (typeof content === 'string') return Buffer.from(content)
  return Buffer.from(content.buffer, content.byteOffset, content.byteLength)
}

function nameOf({ container, path }: BlobReference): string {
  return `${container}/${path}`
}

/** One page of a list, by a request of its own. */
async function pageOf(
  client: ContainerClient,
  options: { prefix: string; continuationToken: string | undefined; abortSignal: AbortSignal },
): Promise<ContainerListBlobFlatSegmentResponse> {
  const { prefix, continuationToken, abortSignal } = options
  const pages = client.listBlobsFlat({ prefix, includeMetadata: true, abortSignal })
  const { value } = await pages.byPage(continuationToken ? { continuationToken } : {}).next()
  return value
}
