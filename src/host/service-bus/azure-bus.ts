import { setTimeout as delay } from 'node:timers/promises'
import type { TokenCredential } from '@azure/identity'
import {
  isServiceBusError,
  ServiceBusClient,
  type ServiceBusReceivedMessage,
  type ServiceBusReceiver,
  type ServiceBusSender,
} from '@azure/service-bus'
import { formatDateTimeOffset } from '../dotnet-time.ts'
import type { Bus, ReceivedMessage, ReceiveOptions, SentMessage } from './bus.ts'

/** For one call. Against a broker that does not answer, the SDK's own limits have been seen not to apply. */
const callTimeoutMs = 60_000
const closeTimeoutMs = 2000
const retryOptions = { maxRetries: 3, retryDelayInMs: 500, timeoutInMs: 20_000 }

/** @throws Error for a connection string that the SDK cannot read */
export function openAzureBus(connectionString: string): Bus {
  return new AzureBus(new ServiceBusClient(connectionString, { retryOptions }))
}

/** @param host  of the namespace, which TLS must show */
export function openAzureBusAs(credential: TokenCredential, host: string): Bus {
  return new AzureBus(new ServiceBusClient(host, credential, { retryOptions }))
}

class AzureBus implements Bus {
  readonly #client: ServiceBusClient
  readonly #senders = new Map<string, ServiceBusSender>()

  constructor(client: ServiceBusClient) {
    this.#client = client
  }

  receive(
    queue: string,
    { maxConcurrentCalls, maxLockRenewalMs, onMessage, onFault }: ReceiveOptions,
  ): () => Promise<void> {
    const receiver = this.#client.createReceiver(queue, {
      receiveMode: 'peekLock',
      maxAutoLockRenewalDurationInMs: maxLockRenewalMs,
      skipParsingBodyAsJson: true, // bytes as they are
    })
    const subscription = receiver.subscribe(
      {
        processMessage: message => onMessage(new AzureMessage(receiver, message)),
        processError: async ({ error }) => onFault(describe(error)),
      },
      { autoCompleteMessages: false, maxConcurrentCalls },
    )
    return () => within(subscription.close())
  }

  async send(queue: string, message: SentMessage): Promise<boolean> {
    const sender = this.#senders.get(queue) ?? this.#client.createSender(queue)
    this.#senders.set(queue, sender)
    const { body, contentType, messageId, correlationId, to, sessionId } = message
    try {
      await within(
        sender.sendMessages({
          body: Buffer.from(body.buffer, body.byteOffset, body.byteLength),
          contentType,
          messageId,
          ...(correlationId === undefined ? {} : { correlationId }),
          ...(to === undefined ? {} : { to }),
          ...(sessionId === undefined ? {} : { sessionId }),
        }),
      )
      return true
    } catch (error) {
      if (isServiceBusError(error) && error.code === 'MessageSizeExceeded') return false
      throw new Error(`a message could not be sent to the queue "${queue}": ${describe(error)}`)
    }
  }

  async close(): Promise<void> {
    // Every message is settled by now. After an outage, the SDK has been seen to wait for ever for the end of the old connection.
    await Promise.race([this.#client.close().catch(() => {}), delay(closeTimeoutMs, undefined, { ref: false })])
  }
}

class AzureMessage implements ReceivedMessage {
  readonly body: Buffer
  readonly lockToken: string
  readonly metadata: Readonly<Record<string, unknown>>
  readonly #receiver: ServiceBusReceiver
  readonly #message: ServiceBusReceivedMessage

  constructor(receiver: ServiceBusReceiver, message: ServiceBusReceivedMessage) {
    this.#receiver = receiver
    this.#message = message
    this.body = asBuffer(message.body)
    this.lockToken = message.lockToken ?? ''
    this.metadata = describeMessage(message)
  }

  async complete(): Promise<void> {
    await settled(this.#receiver.completeMessage(this.#message))
  }

  async abandon(): Promise<void> {
    await settled(this.#receiver.abandonMessage(this.#message))
  }

  async deadLetter(deadLetterReason: string, deadLetterErrorDescription: string): Promise<void> {
    await settled(this.#receiver.deadLetterMessage(this.#message, { deadLetterReason, deadLetterErrorDescription }))
  }
}

async function settled(call: Promise<void>): Promise<void> {
  try {
    await within(call)
  } catch (error) {
    throw new Error(describe(error))
  }
}

/** A body of text, or of values, is what senders of other libraries may write. */
function asBuffer(body: unknown): Buffer {
  if (body instanceof Uint8Array) return Buffer.from(body.buffer, body.byteOffset, body.byteLength)
  return Buffer.from(typeof body === 'string' ? body : (JSON.stringify(body) ?? ''))
}

function describeMessage(message: ServiceBusReceivedMessage): Record<string, unknown> {
  const { enqueuedTimeUtc, expiresAtUtc, sequenceNumber, applicationProperties = {} } = message
  const number = Number(sequenceNumber?.toString() ?? Number.NaN)
  return {
    messageId: message.messageId,
    correlationId: message.correlationId,
    contentType: message.contentType,
    replyTo: message.replyTo,
    replyToSessionId: message.replyToSessionId,
    to: message.to,
    subject: message.subject,
    label: message.subject,
    sequenceNumber: Number.isSafeInteger(number) ? number : sequenceNumber?.toString(),
    enqueuedTimeUtc: enqueuedTimeUtc && formatDateTimeOffset(enqueuedTimeUtc),
    expiresAtUtc:
      expiresAtUtc && !Number.isNaN(expiresAtUtc.getTime()) ? formatDateTimeOffset(expiresAtUtc) : undefined,
    deliveryCount: (message.deliveryCount ?? 0) + 1, // AMQP counts the earlier ones
    lockToken: message.lockToken,
    applicationProperties,
    userProperties: applicationProperties,
  }
}

async function within<T>(call: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${callTimeoutMs / 1000} s`)), callTimeoutMs)
  })
  try {
    return await Promise.race([call, late])
  } finally {
    clearTimeout(timer)
  }
}

/** Codes and texts of the SDK have no keys and no tokens; texts may be long. */
function describe(error: unknown): string {
  // After its last try the SDK gives the failures of all of them, without a message.
  const last = error instanceof AggregateError ? error.errors.at(-1) : undefined
  const { code, message } = (last ?? error) as { code?: unknown; message?: string }
  const text = (message ?? String(error)).split('\n')[0]?.slice(0, 300) ?? ''
  return code === undefined || text.startsWith(String(code)) ? text : `${code}: ${text}`
}
