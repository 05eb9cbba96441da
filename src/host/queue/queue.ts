/** A message as a queue hands it out. */
export interface QueueMessage {
  readonly id: string
  /** Whoever holds the newest one may hide or delete the message. */
  readonly popReceipt: string
  /** As it stands in the queue: still encoded. */
  readonly text: string
  /** How often it was handed out, this time included. */
  readonly dequeueCount: number
  readonly insertedAt: Date
  readonly expiresAt: Date
  readonly nextVisibleAt: Date
}

/** One storage queue. Port: `storage/azure-queue.ts`; every call fails with a `StorageFault` that may be logged. */
export interface Queue {
  readonly name: string

  /**
   * @param invisibleMs  how long nobody else gets them
   * @returns up to `maxCount` messages; none when there is no such queue
   */
  receive(maxCount: number, invisibleMs: number): Promise<readonly QueueMessage[]>

  /**
   * Makes a message invisible for so long from now; 0 shows it at once.
   *
   * @returns the new pop receipt; undefined when somebody else has the message, or it is gone
   */
  hide(id: string, popReceipt: string, ms: number): Promise<string | undefined>

  /** Does nothing when somebody else has the message, or it is gone. */
  delete(id: string, popReceipt: string): Promise<void>

  /** Adds a message, and the queue first where there is none. */
  send(text: string): Promise<void>
}
