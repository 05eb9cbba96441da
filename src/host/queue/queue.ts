/** A message as a queue delivers it. */
export interface QueueMessage {
  readonly id: string
  /** The newest one allows its holder to hide or delete the message. */
  readonly popReceipt: string
  /** As stored in the queue: still encoded. */
  readonly text: string
  /** How often the message was delivered, this time included. */
  readonly dequeueCount: number
  readonly insertedAt: Date
  readonly expiresAt: Date
  readonly nextVisibleAt: Date
}

/** Port: one storage queue. Every call fails with an error that may be logged. Implemented by `azure-queue.ts`. */
export interface Queue {
  readonly name: string

  /**
   * @param invisibleMs  how long the messages are invisible to others
   * @returns up to `maxCount` messages; none when there is no such queue
   */
  receive(maxCount: number, invisibleMs: number): Promise<readonly QueueMessage[]>

  /**
   * Makes a message invisible for `ms` from now; 0 makes it visible at once.
   *
   * @returns the new pop receipt; undefined when another process has the message, or it is gone
   */
  hide(id: string, popReceipt: string, ms: number): Promise<string | undefined>

  /** Does nothing when another process has the message, or it is gone. */
  delete(id: string, popReceipt: string): Promise<void>

  /** Adds a message, and creates the queue when there is none. */
  send(text: string): Promise<void>
}
