import { randomUUID } from 'node:crypto'
import {
  AnonymousCredential,
  BlobClient,
  type BlobServiceClient,
  type BlockBlobClient,
  type BlockBlobUploadResponse,
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
import { md5 } from '../../jobs/md5.ts'
import {
  headBlob,
  isAbsent,
  lowerCased,
  ownMetadata,
  type ReadableBlob,
  readBlob,
  readWholeBlob,
  writerName,
} from './read-blob.ts'
import { silence } from './silence.ts'
import { clientOptions, type NamedCall, type StorageCallOptions, storageCall, usualCalls } from './storage-calls.ts'
import { answerDate, errorCode, httpStatus } from './storage-failure.ts'
import { StorageTime } from './storage-time.ts'

silence(logger)

const createOnly = { ifNoneMatch: '*' }
const notWritten = { is: undefined }
const blobExists = (failure: unknown) => (errorCode(failure) === 'BlobAlreadyExists' ? notWritten : undefined)
const isOtherVersion = (failure: unknown) => ([404, 412].includes(httpStatus(failure) ?? 0) ? notWritten : undefined)

interface AzureBlobStoreOptions {
  readonly service: BlobServiceClient
  readonly calls?: StorageCallOptions
  /** Options of connections to other accounts; tests add certificates. */
  readonly remoteOptions?: object
}

/**
 * Block blobs in Azure Storage. TLS and the length protect writes. A block has a checksum on top: without one the storage
 * calculates another itself, for which Azurite takes twenty times as long.
 */
export class AzureBlobStore implements BlobStore {
  readonly #service: BlobServiceClient
  readonly #calls: StorageCallOptions
  readonly #remoteOptions: object
  readonly #time = new StorageTime(() => performance.now())

  constructor({ service, calls = usualCalls, remoteOptions = {} }: AzureBlobStoreOptions) {
    this.#service = service
    this.#calls = calls
    this.#remoteOptions = { ...clientOptions(calls), ...remoteOptions }
  }

  async now(): Promise<number> {
    if (this.#time.now === undefined) {
      // Every answer has the time, also that there is no such container.
      const call = { what: 'read the time of the storage', known: answerDate }
      const { date } = await this.#call<{ date?: Date }>(call, abortSignal =>
        this.#container('jobs').getProperties({ abortSignal }),
      )
      this.#time.heard(date)
    }
    const { now } = this.#time
    if (now === undefined) throw new StorageError('the storage sent no date', 'no-date')
    return now
  }

  async head(reference: ReadableReference): Promise<BlobHead | undefined> {
    return headBlob(this.#readable(reference))
  }

  async *read(reference: ReadableReference, etag: string, range: ByteRange = { start: 0 }): AsyncIterable<Uint8Array> {
    yield* readBlob(this.#readable(reference), etag, range)
  }

  async readWhole(reference: BlobReference): Promise<(BlobHead & { readonly content: Uint8Array }) | undefined> {
    return readWholeBlob({ client: this.#blob(reference), name: blobName(reference), calls: this.#calls })
  }

  create(
    reference: BlobReference,
    content: Uint8Array | string,
    metadata: BlobMetadata = {},
  ): Promise<string | undefined> {
    const bytes = asBuffer(content)
    const call = { what: `create the blob ${blobName(reference)}`, known: blobExists }
    return this.#asWriter(reference, metadata, written =>
      this.#inContainer(reference, call, async (blob, abortSignal) => {
        const options = { abortSignal, metadata: written, conditions: createOnly }
        return this.#written(await blob.upload(bytes, bytes.length, options))
      }),
    )
  }

  replace(
    reference: BlobReference,
    content: Uint8Array | string,
    etag: string,
    metadata: BlobMetadata = {},
  ): Promise<string | undefined> {
    const bytes = asBuffer(content)
    const call = { what: `replace the blob ${blobName(reference)}`, known: isOtherVersion }
    return this.#asWriter(reference, metadata, written =>
      this.#call(call, async abortSignal => {
        const options = { abortSignal, metadata: written, conditions: { ifMatch: etag } }
        return this.#written(await this.#blob(reference).upload(bytes, bytes.length, options))
      }),
    )
  }

  /**
   * Writes a blob with a mark of its own, because the SDK repeats a write whose answer was lost, and then finds the blob that it wrote
   * itself. Only a write that finds another blob costs a second call.
   */
  async #asWriter(
    reference: BlobReference,
    metadata: BlobMetadata,
    write: (metadata: BlobMetadata) => Promise<string | undefined>,
  ): Promise<string | undefined> {
    const writer = randomUUID()
    const version = await write({ ...metadata, [writerName]: writer })
    if (version !== undefined) return version
    const what = `read the properties of the blob ${blobName(reference)}`
    const found = await this.#call({ what, known: isAbsent }, abortSignal =>
      this.#blob(reference).getProperties({ abortSignal }),
    )
    return lowerCased(found?.metadata)[writerName] === writer ? found?.etag : undefined
  }

  #written({ date, etag }: BlockBlobUploadResponse): string {
    this.#time.heard(date)
    if (etag === undefined) throw new StorageError('the storage sent no version of what was written', 'no-etag')
    return etag
  }

  async remove(reference: BlobReference): Promise<void> {
    const remove = (abortSignal: AbortSignal) =>
      this.#blob(reference).delete({ abortSignal, deleteSnapshots: 'include' })
    await this.#call({ what: `remove the blob ${blobName(reference)}`, known: isAbsent }, remove)
  }

  async *list(container: string, prefix: string): AsyncIterable<ListedBlob> {
    const client = this.#container(container)
    const what = `list the blobs ${container}/${prefix}`
    let continuationToken: string | undefined
    do {
      const page = await this.#call({ what, known: isAbsent }, abortSignal =>
        readPage(client, { prefix, continuationToken, abortSignal }),
      )
      this.#time.heard(page?.date)
      for (const { name, properties, metadata } of page?.segment.blobItems ?? []) {
        const { contentLength: bytes = 0, lastModified } = properties
        const etag = properties.etag.replace(/^(?!")(.*)$/, '"$1"') // lists have it without the quotes of the header
        yield { path: name, bytes, etag, metadata: ownMetadata(metadata), modifiedAt: lastModified.getTime() }
      }
      continuationToken = page?.continuationToken
    } while (continuationToken)
  }

  async stageBlock(
    reference: BlobReference,
    blockId: string,
    content: Uint8Array,
    checksum?: Uint8Array,
  ): Promise<void> {
    const bytes = asBuffer(content)
    const transactionalContentMD5 = checksum ?? (await md5(bytes))
    const stage = (blob: BlockBlobClient, abortSignal: AbortSignal) =>
      blob.stageBlock(blockId, bytes, bytes.length, { abortSignal, transactionalContentMD5 })
    await this.#inContainer(reference, { what: `stage a block of the blob ${blobName(reference)}` }, stage)
  }

  async commitBlocks(
    reference: BlobReference,
    blockIds: readonly string[],
    metadata: BlobMetadata,
    replacedEtag?: string,
  ): Promise<'committed' | 'exists' | 'missing'> {
    type Outcome = 'committed' | 'exists' | 'missing'
    const conditions = replacedEtag === undefined ? createOnly : { ifMatch: replacedEtag }
    const known = (failure: unknown): { is: Outcome } | undefined => {
      const code = errorCode(failure)
      if (code === 'BlobAlreadyExists') return { is: 'exists' }
      if (replacedEtag !== undefined && (httpStatus(failure) === 412 || code === 'BlobNotFound'))
        return { is: 'exists' }
      return code === 'InvalidBlockList' ? { is: 'missing' } : undefined
    }
    const what = `commit the blob ${blobName(reference)}`
    const outcome = await this.#inContainer<Outcome>(reference, { what, known }, async (blob, abortSignal) => {
      await blob.commitBlockList([...blockIds], { abortSignal, metadata, conditions })
      return 'committed'
    })
    // The storage may report a missing block before it notices that the blob exists, or has another version.
    const isOther = async () => (await this.head(reference))?.etag !== replacedEtag
    return outcome === 'missing' && (await isOther()) ? 'exists' : outcome
  }

  /** Writes a blob, and creates its container when that is missing. */
  #inContainer<Result>(
    reference: BlobReference,
    call: NamedCall<Result>,
    write: (blob: BlockBlobClient, signal: AbortSignal) => Promise<Result>,
  ): Promise<Result> {
    const work = async (signal: AbortSignal) => {
      try {
        return await write(this.#blob(reference), signal)
      } catch (failure) {
        if (errorCode(failure) !== 'ContainerNotFound') throw failure
        await this.#container(reference.container).createIfNotExists({ abortSignal: signal })
        return await write(this.#blob(reference), signal)
      }
    }
    return this.#call(call, work)
  }

  #call<Result>(call: NamedCall<Result>, work: (signal: AbortSignal) => Promise<Result>): Promise<Result> {
    return storageCall(call, this.#calls, work)
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

  #readable(reference: ReadableReference): ReadableBlob {
    if (!('url' in reference)) return { client: this.#blob(reference), name: blobName(reference), calls: this.#calls }
    const { url, name } = remoteUrl(reference.url)
    const client = new BlobClient(url, new AnonymousCredential(), this.#remoteOptions)
    if (!isAt(client.url, name))
      throw new StorageError(`the URL of the blob ${name} refers to another blob`, 'other-blob')
    return { client, name, calls: this.#calls }
  }
}

/**
 * Checks the URL of a blob of another account, whose host was allowed when the job was submitted: the request must go to that
 * host, over TLS.
 *
 * @returns `name` is the URL without its query, a signature, for messages
 */
function remoteUrl(given: string): { url: string; name: string } {
  const { protocol, username, password, origin, pathname, search } = URL.parse(given) ?? {}
  const name = `${origin}${pathname}`
  if (protocol === 'https:' && username === '' && password === '') return { url: `${name}${search}`, name }
  throw new StorageError('the URL of a blob must be https, without a user name', 'no-https')
}

/** The SDK writes names into URLs, where `..` changes the path. A blob must have the name that was asked for. */
function otherBlob(): StorageError {
  return new StorageError('the path of a blob refers to another blob', 'other-blob')
}

/** The SDK fails on some names. */
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

/** Shares the memory of `content` if it is bytes. */
function asBuffer(content: Uint8Array | string): Buffer {
  if (typeof content === 'string') return Buffer.from(content)
  return Buffer.from(content.buffer, content.byteOffset, content.byteLength)
}

function blobName({ container, path }: BlobReference): string {
  return `${container}/${path}`
}

/** Requests one page of a list. */
async function readPage(
  client: ContainerClient,
  options: { prefix: string; continuationToken: string | undefined; abortSignal: AbortSignal },
): Promise<ContainerListBlobFlatSegmentResponse> {
  const { prefix, continuationToken, abortSignal } = options
  const pages = client.listBlobsFlat({ prefix, includeMetadata: true, abortSignal })
  const { value } = await pages.byPage(continuationToken ? { continuationToken } : {}).next()
  return value
}
