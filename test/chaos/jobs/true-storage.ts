import { buffer } from 'node:stream/consumers'
import { BlobServiceClient } from '@azure/storage-blob'
import { QueueServiceClient } from '@azure/storage-queue'

/** The storage may be away for some seconds, as it is killed and started again. */
const retryOptions = { maxTries: 60, retryDelayInMs: 250, maxRetryDelayInMs: 500 }

/** Storage as it is, past the faults that the app meets. */
export class TrueStorage {
  readonly #blobs: BlobServiceClient
  readonly #queues: QueueServiceClient

  constructor(connectionString: string) {
    this.#blobs = BlobServiceClient.fromConnectionString(connectionString, { retryOptions })
    this.#queues = QueueServiceClient.fromConnectionString(connectionString, { retryOptions })
  }

  async makeContainers(...names: string[]): Promise<void> {
    for (const name of names) await this.#blobs.getContainerClient(name).createIfNotExists()
  }

  /** @param blob  `<container>/<path>` */
  async write(blob: string, content: Buffer | string): Promise<void> {
    await this.#blob(blob).upload(content, Buffer.byteLength(content))
  }

  /** A call may be done although its answer was lost, so the same content counts as written. @returns false: there is another blob */
  async writeNew(blob: string, content: Buffer | string): Promise<boolean> {
    try {
      await this.#blob(blob).upload(content, Buffer.byteLength(content), { conditions: { ifNoneMatch: '*' } })
      return true
    } catch (error) {
      if ((error as { statusCode?: number }).statusCode !== 409) throw error
      return (await this.read(blob))?.equals(Buffer.from(content)) === true
    }
  }

  async read(blob: string): Promise<Buffer | undefined> {
    try {
      const { readableStreamBody } = await this.#blob(blob).download()
      return await buffer(readableStreamBody as NodeJS.ReadableStream)
    } catch (error) {
      if ((error as { statusCode?: number }).statusCode === 404) return undefined
      throw error
    }
  }

  async remove(blob: string): Promise<void> {
    await this.#blob(blob).deleteIfExists()
  }

  /** @returns paths, sorted; none where there is no such container */
  async list(container: string, prefix: string): Promise<string[]> {
    const names: string[] = []
    const client = this.#blobs.getContainerClient(container)
    if (!(await client.exists())) return names
    for await (const { name } of client.listBlobsFlat({ prefix })) names.push(name)
    return names.sort()
  }

  async send(queue: string, text: string): Promise<void> {
    const client = this.#queues.getQueueClient(queue)
    await client.createIfNotExists()
    await client.sendMessage(text)
  }

  /** Takes the messages that are in a queue now. */
  async receive(queue: string): Promise<string[]> {
    const client = this.#queues.getQueueClient(queue)
    await client.createIfNotExists()
    const texts: string[] = []
    for (;;) {
      const { receivedMessageItems } = await client.receiveMessages({ numberOfMessages: 32 })
      if (receivedMessageItems.length === 0) return texts
      for (const { messageText, messageId, popReceipt } of receivedMessageItems) {
        texts.push(messageText)
        // One whose deletion was done although its answer was lost is gone.
        await client.deleteMessage(messageId, popReceipt).catch(() => {})
      }
    }
  }

  /** Messages in all queues, by queue; those without any are left out. */
  async waiting(): Promise<Record<string, number>> {
    const counts: Record<string, number> = {}
    for await (const { name } of this.#queues.listQueues()) {
      const { approximateMessagesCount = 0 } = await this.#queues.getQueueClient(name).getProperties()
      if (approximateMessagesCount > 0) counts[name] = approximateMessagesCount
    }
    return counts
  }

  #blob(blob: string) {
    const slash = blob.indexOf('/')
    return this.#blobs.getContainerClient(blob.slice(0, slash)).getBlockBlobClient(blob.slice(slash + 1))
  }
}
