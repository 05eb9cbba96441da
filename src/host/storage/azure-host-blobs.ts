import { BlobServiceClient, type BlockBlobClient, type ContainerClient } from '@azure/storage-blob'
import { clientOptions } from './client-options.ts'
import type { BlobLease, HostBlobs } from './host-blobs.ts'
import { asStorageFault, codeOf, rethrow, statusOf } from './storage-fault.ts'

/** @throws Error for a connection string that the SDK cannot read */
export function openAzureHostBlobs(connectionString: string): HostBlobs {
  const service = BlobServiceClient.fromConnectionString(connectionString, clientOptions)
  return new AzureHostBlobs(service.getContainerClient('azure-webjobs-hosts'))
}

class AzureHostBlobs implements HostBlobs {
  readonly #container: ContainerClient

  constructor(container: ContainerClient) {
    this.#container = container
  }

  async lease(path: string, leaseSeconds: number): Promise<BlobLease | undefined> {
    const blob = this.#blob(path)
    const client = blob.getBlobLeaseClient()
    try {
      await client.acquireLease(leaseSeconds)
    } catch (error) {
      if (isHeld(error)) return undefined
      if (statusOf(error) !== 404) throw asStorageFault(error)
      await this.#makeEmpty(blob)
      return this.lease(path, leaseSeconds)
    }
    return {
      renew: () =>
        client.renewLease().then(
          () => true,
          error => {
            if (isHeld(error) || statusOf(error) === 404) return false
            throw asStorageFault(error)
          },
        ),
      release: async () => {
        await client.releaseLease().catch(rethrow)
      },
    }
  }

  async readJson(path: string): Promise<unknown> {
    try {
      return JSON.parse((await this.#blob(path).downloadToBuffer()).toString('utf8'))
    } catch (error) {
      if (statusOf(error) === 404 || error instanceof SyntaxError) return undefined
      throw asStorageFault(error)
    }
  }

  async writeJson(path: string, value: object): Promise<void> {
    const text = JSON.stringify(value)
    const blob = this.#blob(path)
    try {
      await blob.upload(text, Buffer.byteLength(text))
    } catch (error) {
      if (statusOf(error) !== 404) throw asStorageFault(error)
      await this.#container.createIfNotExists().catch(rethrow)
      await blob.upload(text, Buffer.byteLength(text)).catch(rethrow)
    }
  }

  /** The SDK writes names into URLs, where `..` climbs. */
  #blob(path: string): BlockBlobClient {
    const blob = this.#container.getBlockBlobClient(path)
    if (blob.containerName === this.#container.containerName && blob.name === path) return blob
    throw new Error('a blob of the host was named by a path that leads to another one')
  }

  /** A lease needs something to hold on to. */
  async #makeEmpty(blob: BlockBlobClient): Promise<void> {
    await this.#container.createIfNotExists().catch(rethrow)
    try {
      await blob.upload('', 0, { conditions: { ifNoneMatch: '*' } })
    } catch (error) {
      const isThere = statusOf(error) === 409 || isHeld(error)
      if (!isThere) throw asStorageFault(error)
    }
  }
}

/** Somebody else holds the lease: 409 when it is asked for or renewed, 412 when the blob is written. */
function isHeld(error: unknown): boolean {
  return [409, 412].includes(statusOf(error) ?? 0) && codeOf(error).startsWith('Lease')
}
