import type { Identity } from '../app/binding-settings.ts'

/** A connection string, or a namespace by identity. */
export type BusConnection =
  | string
  | {
      /** e.g. `orders.servicebus.windows.net` */
      readonly host: string
      readonly identity: Identity
    }

/** A message as Service Bus delivers it; its lock is held until it is settled, or lost. */
export interface ReceivedMessage {
  readonly body: Buffer
  /** Names the lock. */
  readonly lockToken: string
  /** What Azure's host tells a function of a message, with the names that the library gives it. */
  readonly metadata: Readonly<Record<string, unknown>>
  complete(): Promise<void>
  /** It is delivered again, or becomes a dead letter after the deliveries that the queue allows. */
  abandon(): Promise<void>
  deadLetter(reason: string, description: string): Promise<void>
}

/** A message as it is sent. */
export interface SentMessage {
  readonly body: Uint8Array
  readonly contentType: string
  readonly messageId: string
  readonly correlationId: string | undefined
  readonly to: string | undefined
  readonly sessionId: string | undefined
}

export interface ReceiveOptions {
  readonly maxConcurrentCalls: number
  /** How long locks are renewed. */
  readonly maxLockRenewalMs: number
  /** Never rejects. */
  readonly onMessage: (message: ReceivedMessage) => Promise<void>
  /** Called with each failure to receive; receiving goes on. */
  readonly onFault: (text: string) => void
}

/** Port: one namespace of Service Bus. Implemented by `azure-bus.ts`. Errors may be logged. */
export interface Bus {
  /** @returns what ends it; messages that are held can still be settled until the namespace is closed */
  receive(queue: string, options: ReceiveOptions): () => Promise<void>
  /** @returns false when the message is too large for the queue */
  send(queue: string, message: SentMessage): Promise<boolean>
  close(): Promise<void>
}
