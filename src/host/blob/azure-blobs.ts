import { BlobServiceClient, type BlockBlobClient } from '@azure/storage-blob'
import type { StorageAccount } from '../app/binding-settings.ts'
import { openCredential } from '../azure-credential.ts'
import { asStorageFault, clientOptions, errorCode, httpStatus } from '../azure-storage.ts'
import type { HostBlob, HostBlobs } from './blobs.ts'

/** @throws Error for a connection string that the SDK cannot read */
export function openAzureBlobs(account: StorageAccount): HostBlobs {
  return new AzureBlobs(openService(account))
}

function openService(account: StorageAccount): BlobServiceClient {
  if (typeof account === 'string') return BlobServiceClient.fromConnectionString(account, clientOptions)
  return new BlobServiceClient(String(account.urls.blob), openCredential(account), clientOptions)
}

/** A blob is in memory as a whole, as in Azure, whose host hands it to the worker in one message. */
const maxBlobBytes = 2 ** 29

/** Lists have entity tags without the quotes that headers have. */
function quoted(etag: string): string {
  return etag.startsWith('"') ? etag : `"${etag}"`
}

class AzureBlobs implements HostBlobs {
  readonly #service: BlobServiceClient

  constructor(service: BlobServiceClient) {
    this.#service = service
  }

  async *list(container: string, prefix: string): AsyncGenerator<{ name: string; etag: string }> {
    try {
      for await (const { name, properties } of this.#service.getContainerClient(container).listBlobsFlat({ prefix }))
        yield { name, etag: quoted(properties.etag) }
    } catch (error) {
      if (httpStatus(error) !== 404) throw asStorageFault(error)
    }
  }

  async read(
    container: string,
    name: string,
    { hasContent }: { readonly hasContent: boolean },
  ): Promise<HostBlob | undefined> {
    const blob = this.#blob(container, name)
    try {
      const { etag = '', contentLength = 0, ...properties } = await blob.getProperties()
      if (hasContent && contentLength > maxBlobBytes)
        throw new Error(`it has ${contentLength} bytes, and this host takes ${maxBlobBytes} at most`)
      const { contentType, contentEncoding, lastModified, metadata = {} } = properties
      const content = hasContent
        ? await blob.downloadToBuffer(undefined, undefined, { conditions: { ifMatch: etag } })
        : Buffer.alloc(0)
      return {
        content,
        bytes: contentLength,
        etag: quoted(etag),
        uri: blob.url.replace(/\?.*$/, ''),
        contentType,
        contentEncoding,
        lastModified,
        metadata,
      }
    } catch (error) {
      // 412: it was replaced meanwhile, and the new version has a message of its own.
      if ([404, 412].includes(httpStatus(error) ?? 0)) return undefined
      throw httpStatus(error) === undefined && errorCode(error) === '' ? error : asStorageFault(error)
    }
  }

  async exists(container: string, name: string): Promise<boolean> {
    return this.#blob(container, name)
      .exists()
      .catch(error => {
        throw asStorageFault(error)
      })
  }

  async write(container: string, name: string, content: Uint8Array): Promise<void> {
    const blob = this.#blob(container, name)
    const upload = () => blob.uploadData(Buffer.from(content.buffer, content.byteOffset, content.byteLength))
    try {
      await upload()
    } catch (error) {
      if (errorCode(error) !== 'ContainerNotFound') throw asStorageFault(error)
      try {
        await this.#service.getContainerClient(container).createIfNotExists()
        await upload()
      } catch (again) {
        throw asStorageFault(again)
      }
    }
  }

  #blob(container: string, name: string): BlockBlobClient {
    const blob = this.#service.getContainerClient(container).getBlockBlobClient(name)
    // The SDK writes names into URLs, where `..` leads to another path.
    if (blob.containerName !== container || blob.name !== name)
      throw new Error(`the path "${container}/${name}" leads to another blob, "${blob.containerName}/${blob.name}"`)
    return blob
  }
}
