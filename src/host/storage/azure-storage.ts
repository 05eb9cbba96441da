/** Everything of the host that needs Azure's SDKs for storage; a bundle of its own, loaded by `open-storage.ts`. */
import { BlobServiceClient, type BlockBlobClient, type ContainerClient } from '@azure/storage-blob'
import { type QueueClient, QueueServiceClient } from '@azure/storage-queue'
import type { Queue, QueueMessage } from '../queue/queue.ts'
import type { BlobLease, HostBlobs } from './host-blobs.ts'
import { asStorageFault, codeOf, statusOf } from './storage-fault.ts'

/** The only retries there are: those who call do not try again, except that they look into a queue again and again. */
const options = {
  retryOptions: { maxTries: 3, tryTimeoutInMs: 30_000, retryDelayInMs: 200, maxRetryDelayInMs: 1000 },
}

/** @throws TypeError for a connection string that cannot be read */
export function openAzureQueue(connectionString: string, name: string): Queue {
  return new AzureQueue(QueueServiceClient.fromConnectionString(connectionString, options).getQueueClient(name))
}

export function openAzureHostBlobs(connectionString: string): HostBlobs {
  const service = BlobServiceClient.fromConnectionString(connectionString, options)
  return new AzureHostBlobs(service.getContainerClient('azure-webjobs-hosts'))
}

class AzureQueue implements Queue {
  readonly #client: QueueClient

  constructor(client: QueueClient) {
    this.#client = client
  }

  get name(): string {
    return this.#client.name
  }

  async receive(maxCount: number, invisibleMs: number): Promise<readonly QueueMessage[]> {
    try {
      const { receivedMessageItems } = await this.#client.receiveMessages({
        numberOfMessages: maxCount,
        visibilityTimeout: seconds(invisibleMs),
      })
      return receivedMessageItems.map(item => ({
        id: item.messageId,
        popReceipt: item.popReceipt,
        text: item.messageText,
        dequeueCount: item.dequeueCount,
        insertedAt: item.insertedOn,
        expiresAt: item.expiresOn,
        nextVisibleAt: item.nextVisibleOn,
      }))
    } catch (error) {
      if (['QueueNotFound', 'QueueBeingDeleted', 'QueueDisabled'].includes(codeOf(error))) return []
      throw asStorageFault(error)
    }
  }

  async hide(id: string, popReceipt: string, ms: number): Promise<string | undefined> {
    try {
      return (await this.#client.updateMessage(id, popReceipt, undefined, seconds(ms))).popReceipt
    } catch (error) {
      if (isLost(error)) return undefined
      throw asStorageFault(error)
    }
  }

  async delete(id: string, popReceipt: string): Promise<void> {
    try {
      await this.#client.deleteMessage(id, popReceipt)
    } catch (error) {
      if (!isLost(error)) throw asStorageFault(error)
    }
  }

  async send(text: string): Promise<void> {
    try {
      await this.#client.sendMessage(text)
    } catch (error) {
      if (codeOf(error) !== 'QueueNotFound') throw asStorageFault(error)
      await this.#client.createIfNotExists().catch(rethrow)
      await this.#client.sendMessage(text).catch(rethrow)
    }
  }
}

class AzureHostBlobs implements HostBlobs {
  readonly #container: ContainerClient

  constructor(container: ContainerClient) {
    this.#container = container
  }

  async lease(path: string, leaseSeconds: number): Promise<BlobLease | undefined> {
    const blob = this.#container.getBlockBlobClient(path)
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
      return JSON.parse((await this.#container.getBlockBlobClient(path).downloadToBuffer()).toString('utf8'))
    } catch (error) {
      if (statusOf(error) === 404 || error instanceof SyntaxError) return undefined
      throw asStorageFault(error)
    }
  }

  async writeJson(path: string, value: object): Promise<void> {
    const text = JSON.stringify(value)
    const blob = this.#container.getBlockBlobClient(path)
    try {
      await blob.upload(text, Buffer.byteLength(text))
    } catch (error) {
      if (statusOf(error) !== 404) throw asStorageFault(error)
      await this.#container.createIfNotExists().catch(rethrow)
      await blob.upload(text, Buffer.byteLength(text)).catch(rethrow)
    }
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

/** The message is gone, or was handed to somebody else meanwhile. */
function isLost(error: unknown): boolean {
  return statusOf(error) === 404 || codeOf(error) === 'PopReceiptMismatch'
}

/** Somebody else holds the lease: 409 when it is asked for or renewed, 412 when the blob is written. */
function isHeld(error: unknown): boolean {
  return [409, 412].includes(statusOf(error) ?? 0) && codeOf(error).startsWith('Lease')
}

function rethrow(error: unknown): never {
  throw asStorageFault(error)
}

/** The service counts whole seconds. */
function seconds(ms: number): number {
  return Math.ceil(ms / 1000)
}
