import { logger, type QueueClient, type QueueServiceClient } from '@azure/storage-queue'
import { StorageError } from '../../jobs/blob-store.ts'
import { type JobQueue, jobQueues, maxMessageBytes } from '../../jobs/job-queues.ts'
import type { JobMessage, MessageQueues } from '../../jobs/message-queues.ts'
import { sentMessages } from './sent-messages.ts'
import { silence } from './silence.ts'
import { type StorageCallOptions, storageCall, usualCalls } from './storage-calls.ts'
import { errorCode } from './storage-failure.ts'

silence(logger)

const maxDelaySeconds = 604_800
const neverExpires = -1

/** Queues in Azure Storage. Messages are plain JSON, for which the host needs `messageEncoding` "none". */
export class AzureMessageQueues implements MessageQueues {
  readonly #service: QueueServiceClient
  readonly #calls: StorageCallOptions

  constructor(service: QueueServiceClient, calls: StorageCallOptions = usualCalls) {
    this.#service = service
    this.#calls = calls
  }

  /** @param delaySeconds  a week at most, which is Azure's limit */
  async send(queue: JobQueue, message: JobMessage, delaySeconds = 0): Promise<void> {
    await this.#put(jobQueues[queue], JSON.stringify(message), delaySeconds)
  }

  async sendBack(text: string, delaySeconds: number): Promise<void> {
    await this.#put(jobQueues.submit, text, delaySeconds)
  }

  async sendEvent(queueName: string, text: string): Promise<void> {
    await this.#put(queueName, text, 0)
  }

  async #put(name: string, text: string, delaySeconds: number): Promise<void> {
    const bytes = Buffer.byteLength(text)
    if (bytes > maxMessageBytes) {
      throw new StorageError(
        `a message for the queue ${name} has ${bytes} bytes; the limit is ${maxMessageBytes}`,
        'too-long',
      )
    }
    const client = this.#service.getQueueClient(name)
    const visibilityTimeout = Math.min(maxDelaySeconds, Math.ceil(delaySeconds))
    await storageCall({ what: `send a message to the queue ${name}` }, this.#calls, abortSignal =>
      sendTo(client, text, { abortSignal, visibilityTimeout, messageTimeToLive: neverExpires }),
    )
    if (visibilityTimeout === 0) sentMessages.publish({ queueName: name })
  }
}

async function sendTo(
  client: QueueClient,
  text: string,
  options: { abortSignal: AbortSignal; visibilityTimeout: number; messageTimeToLive: number },
): Promise<void> {
  try {
    await client.sendMessage(text, options)
  } catch (failure) {
    if (errorCode(failure) !== 'QueueNotFound') throw failure
    await client.createIfNotExists({ abortSignal: options.abortSignal })
    await client.sendMessage(text, options)
  }
}
