import { DefaultAzureCredential, ManagedIdentityCredential, type TokenCredential } from '@azure/identity'
import { type QueueClient, QueueServiceClient } from '@azure/storage-queue'
import type { IdentityConnection, StorageAccount } from '../app/binding-settings.ts'
import type { Queue, QueueMessage } from './queue.ts'

/** Callers retry no call but the polls of a queue, so the SDK does. */
export const clientOptions = {
  retryOptions: { maxTries: 3, tryTimeoutInMs: 30_000, retryDelayInMs: 200, maxRetryDelayInMs: 1000 },
}

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

/** Each keeps its token until that expires, so there is one for all queues and containers, and for every output. */
const credentials = new Map<string, TokenCredential>()

export function openCredential(connection: IdentityConnection): TokenCredential {
  const key = JSON.stringify([connection.isManagedIdentity, connection.clientId])
  const credential = credentials.get(key) ?? makeCredential(connection)
  credentials.set(key, credential)
  return credential
}

function makeCredential({ isManagedIdentity, clientId }: IdentityConnection): TokenCredential {
  const retryOptions = { maxRetries: 1 } // each poll is a retry
  if (!isManagedIdentity) return new DefaultAzureCredential({ managedIdentityClientId: clientId, retryOptions })
  return new ManagedIdentityCredential(clientId === undefined ? { retryOptions } : { clientId, retryOptions })
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

/** A failed call to storage. The message may be logged: it has no signed URLs and no headers. */
class StorageFault extends Error {
  override readonly name = 'StorageFault'
}

export function asStorageFault(error: unknown): StorageFault {
  if (error instanceof StorageFault) return error
  const facts = [httpStatus(error), errorCode(error)].filter(fact => fact !== undefined && fact !== '')
  return new StorageFault(`storage failed with ${facts.length > 0 ? facts.join(' ') : (error as Error)?.name}`)
}

/** For `catch`. */
function rethrow(error: unknown): never {
  throw asStorageFault(error)
}

/** @returns undefined when there was no response */
export function httpStatus(error: unknown): number | undefined {
  return (error as { statusCode?: number } | undefined)?.statusCode
}

/** @returns e.g. `QueueNotFound`, `ECONNREFUSED`; empty when there is none */
export function errorCode(error: unknown): string {
  return String((error as { code?: unknown } | undefined)?.code ?? '')
}
