import { type QueueClient, QueueServiceClient } from '@azure/storage-queue'
import type { StorageAccount } from '../app/binding-settings.ts'
import { openCredential } from '../azure-credential.ts'
import { asStorageFault, clientOptions, errorCode, httpStatus } from '../azure-storage.ts'
import type { Queue, QueueMessage } from './queue.ts'

/** @throws Error for a connection string that the SDK cannot read */
export function openAzureQueue(account: StorageAccount, name: string): Queue {
  const client = openService(account).getQueueClient(name)
  // The SDK writes names into URLs, where `..` leads to another path.
  if (client.name !== name) throw new Error(`the queue name "${name}" leads to another queue, "${client.name}"`)
  return new AzureQueue(client)
}

function openService(account: StorageAccount): QueueServiceClient {
  if (typeof account === 'string') return QueueServiceClient.fromConnectionString(account, clientOptions)
  return new QueueServiceClient(String(account.urls.queue), openCredential(account), clientOptions)
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
      if (['QueueNotFound', 'QueueBeingDeleted', 'QueueDisabled'].includes(errorCode(error))) return []
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
      if (errorCode(error) !== 'QueueNotFound') throw asStorageFault(error)
      await this.#client.createIfNotExists().catch(rethrow)
      await this.#client.sendMessage(text).catch(rethrow)
    }
  }
}

/** Whether the message is gone, or was delivered to another process meanwhile. */
function isLost(error: unknown): boolean {
  return httpStatus(error) === 404 || errorCode(error) === 'PopReceiptMismatch'
}

/** The service takes whole seconds. */
function seconds(ms: number): number {
  return Math.ceil(ms / 1000)
}

/** For `catch`. */
function rethrow(error: unknown): never {
  throw asStorageFault(error)
}
