import type { ScoringError } from '../errors.ts'
import type { ServiceBusTrigger } from '../models/definition/triggers.ts'

/** A message as it is sent. */
export interface BusMessage {
  readonly body: Uint8Array
  readonly contentType: string
  readonly messageId: string
  readonly correlationId: string | undefined
  /** The queue that the sender of the request wants its answer in. */
  readonly to: string | undefined
  readonly sessionId: string | undefined
}

/** Port: what the app does itself with Service Bus. The host receives, completes and abandons. */
export interface ServiceBus {
  /**
   * Sends an answer to the output queue.
   *
   * @returns ANSWER_TOO_LARGE when it never can; undefined: it is in the queue
   * @throws Error when it may succeed later; without keys or tokens
   */
  send(to: Pick<ServiceBusTrigger, 'connection' | 'output'>, message: BusMessage): Promise<ScoringError | undefined>

  /** Moves a message that the host holds to the dead letters. @throws Error when that is not possible */
  deadLetter(lockToken: string, reason: string, description: string): Promise<void>
}
