import { BlobServiceClient } from '@azure/storage-blob'
import { QueueServiceClient } from '@azure/storage-queue'

/** Storage as it is, past the faults that the app meets. */
export class TrueStorage {
  readonly #blobs: BlobServiceClient
  readonly #queues: QueueServiceClient

  constructor(connectionString: string) {
    this.#blobs = BlobServiceClient.fromConnectionString(connectionString)
    this.#queues = QueueServiceClient.fromConnectionString(connectionString)
  }

  async makeContainers(...names: string[]): Promise<void> {
    for (const name of names) await this.#blobs.getContainerClient(name).createIfNotExists()
  }

  /** @param blob  `<container>/<path>` */
  async write(blob: string, content: Buffer | string): Promise<void> {
    await this.#blob(blob).upload(content, Buffer.byteLength(content))
  }

  /** @returns false: there is one already */
  async writeNew(blob: string, content: string): Promise<boolean> {
    try {
      await this.#blob(blob).upload(content, Buffer.byteLength(content), { conditions: { ifNoneMatch: '*' } })
      return true
    } catch (error) {
      if ((error as { statusCode?: number }).statusCode === 409) return false
      throw error
    }
  }

  async read(blob: string): Promise<string | undefined> {
    const client = this.#blob(blob)
    return (await client.exists()) ? (await client.downloadToBuffer()).toString() : undefined
  }

  async list(container: string, prefix: string): Promise<string[]> {
    const names: string[] = []
    for await (const { name } of this.#blobs.getContainerClient(container).listBlobsFlat({ prefix })) names.push(name)
    return names
  }

  async send(queue: string, text: string): Promise<void> {
    const client = this.#queues.getQueueClient(queue)
    await client.createIfNotExists()
    await client.sendMessage(text)
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
