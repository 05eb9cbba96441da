import { logger, type QueueClient, type QueueSendMessageResponse, type QueueServiceClient } from '@azure/storage-queue'
import { StorageError } from '../../jobs/blob-store.ts'
import { type JobQueue, jobQueues, maxMessageBytes } from '../../jobs/job-queues.ts'
import type { HeldMessage, JobMessage, MessageQueues } from '../../jobs/message-queues.ts'
import { sentMessages } from './sent-messages.ts'
import { silence } from './silence.ts'
import { type StorageCallOptions, storageCall, usualCalls } from './storage-calls.ts'
import { errorCode, httpStatus } from './storage-failure.ts'

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

  async hold(queue: JobQueue, message: JobMessage, seconds: number): Promise<HeldMessage> {
    const name = jobQueues[queue]
    const sent = await this.#put(name, JSON.stringify(message), seconds)
    const client = this.#service.getQueueClient(name)
    let { popReceipt } = sent
    const held = (what: string, work: (abortSignal: AbortSignal) => Promise<unknown>) =>
      storageCall<unknown>({ what: `${what} a message of the queue ${name}`, known: isReceived }, this.#calls, work)
    return {
      prolong: async seconds => {
        await held('hold', async abortSignal => {
          const options = { abortSignal }
          const updated = await client.updateMessage(sent.messageId, popReceipt, undefined, Math.ceil(seconds), options)
          popReceipt = updated.popReceipt ?? popReceipt
        })
      },
      release: async () => {
        await held('remove', abortSignal => client.deleteMessage(sent.messageId, popReceipt, { abortSignal }))
      },
    }
  }

  async sendBack(text: string, delaySeconds: number): Promise<void> {
    await this.#put(jobQueues.submit, text, delaySeconds)
  }

  async sendEvent(queueName: string, text: string): Promise<void> {
    await this.#put(queueName, text, 0)
  }

  async #put(name: string, text: string, delaySeconds: number): Promise<QueueSendMessageResponse> {
    const bytes = Buffer.byteLength(text)
    if (bytes > maxMessageBytes) {
      throw new StorageError(
        `a message for the queue ${name} has ${bytes} bytes; the limit is ${maxMessageBytes}`,
        'too-long',
      )
    }
    const client = this.#service.getQueueClient(name)
    const visibilityTimeout = Math.min(maxDelaySeconds, Math.ceil(delaySeconds))
    const sent = await storageCall({ what: `send a message to the queue ${name}` }, this.#calls, abortSignal =>
      sendTo(client, text, { abortSignal, visibilityTimeout, messageTimeToLive: neverExpires }),
    )
    if (visibilityTimeout === 0) sentMessages.publish({ queueName: name })
    return sent
  }
}

async function sendTo(
  client: QueueClient,
  text: string,
  options: { abortSignal: AbortSignal; visibilityTimeout: number; messageTimeToLive: number },
): Promise<QueueSendMessageResponse> {
  try {
    return await client.sendMessage(text, options)
  } catch (failure) {
    if (errorCode(failure) !== 'QueueNotFound') throw failure
    await client.createIfNotExists({ abortSignal: options.abortSignal })
    return await client.sendMessage(text, options)
  }
}

/** Another receipt, or none: the message was received since, or removed. */
function isReceived(failure: unknown): { readonly is: undefined } | undefined {
  return errorCode(failure) === 'PopReceiptMismatch' || httpStatus(failure) === 404 ? { is: undefined } : undefined
}
