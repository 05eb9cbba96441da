import type { Clock } from '../clock.ts'
import type { HeldMessages } from './held-messages.ts'
import { decodeMessageText } from './message-input.ts'
import type { Queue, QueueMessage } from './queue.ts'
import type { QueueSettings } from './queue-settings.ts'

export interface MessageHandling {
  readonly queue: Queue
  /** Takes messages that fail too often; undefined: such messages stay. */
  readonly poison: Queue | undefined
  readonly settings: QueueSettings
  /** How long a received message is invisible to others. */
  readonly invisibleMs: number
  readonly clock: Clock
  /** Knows what this process holds; absent: no supervisor asks. */
  readonly held?: HeldMessages | undefined
  /**
   * Runs the function with the decoded text; never throws.
   *
   * @returns whether it succeeded
   */
  readonly run: (message: QueueMessage, text: string) => Promise<boolean>
  readonly warn: (text: string) => void
  /** Called when a message was moved to the poison queue. */
  readonly onPoison: () => void
}

/**
 * Handles a message: deletes it after a run that succeeded, hides it for `visibilityTimeout` after one that failed, and moves
 * it to the poison queue after the last one. Without a poison queue, a message whose run failed stays invisible for the rest
 * of its time, and is delivered again and again. (sdk QueueProcessor)
 *
 * @throws StorageFault; the message is delivered again later
 */
export async function handleMessage(message: QueueMessage, handling: MessageHandling): Promise<void> {
  const { queue, poison, settings, run, warn, onPoison } = handling
  const { id, popReceipt, dequeueCount } = message
  const { maxDequeueCount, messageEncoding } = settings
  const label = `Message ${id} in queue '${queue.name}'`
  const move = async (target: Queue, receipt: string) => {
    // Sends before it deletes: a crash between the two leaves the message in both queues rather than in none.
    await target.send(message.text)
    onPoison()
    await queue.delete(id, receipt)
  }
  const moveExhausted = (target: Queue, receipt: string) => {
    warn(`${label} has reached MaxDequeueCount of ${maxDequeueCount}. Moving message to queue '${target.name}'.`)
    return move(target, receipt)
  }

  // The run of a message that crashes the process never ends, so its count is checked before a run as well.
  if (poison && dequeueCount > maxDequeueCount) return moveExhausted(poison, popReceipt)
  const text = decodeMessageText(message.text, messageEncoding)
  if (text === undefined) {
    const consequence = poison ? `it is moved to queue '${poison.name}'` : 'there is no poison queue for it'
    warn(`${label} is not encoded as ${messageEncoding}; ${consequence}.`)
    if (poison) await move(poison, popReceipt)
    return
  }

  const renewal = new MessageRenewal(message, handling)
  const hasSucceeded = await run(message, text)
  const newestReceipt = await renewal.stop()
  if (hasSucceeded) await queue.delete(id, newestReceipt)
  else if (poison && dequeueCount >= maxDequeueCount) await moveExhausted(poison, newestReceipt)
  else if (poison) await queue.hide(id, newestReceipt, settings.visibilityTimeoutMs)
}

/**
 * Keeps a message invisible while its function runs: renews the time at half of it, and after a failure sooner, but not
 * before a tenth of it (10 min: every 5 min, at least 1 min). It ends when another process has the message. (sdk
 * UpdateQueueMessageVisibilityCommand, LinearSpeedupStrategy)
 */
class MessageRenewal {
  readonly #queue: Queue
  readonly #id: string
  readonly #invisibleMs: number
  readonly #clock: Clock
  readonly #held: HeldMessages | undefined
  #popReceipt: string
  #intervalMs: number
  #cancel: () => void = () => {}
  #update: Promise<void> = Promise.resolve()
  #hasEnded = false

  constructor({ id, popReceipt }: QueueMessage, { queue, invisibleMs, clock, held }: MessageHandling) {
    this.#queue = queue
    this.#held = held
    this.#id = id
    this.#popReceipt = popReceipt
    this.#invisibleMs = invisibleMs
    this.#clock = clock
    this.#intervalMs = invisibleMs / 2
    this.#wait()
  }

  /** @returns the newest pop receipt, which may be outdated */
  async stop(): Promise<string> {
    this.#hasEnded = true
    this.#cancel()
    await this.#update
    return this.#popReceipt
  }

  #wait(): void {
    if (this.#hasEnded) return
    this.#cancel = this.#clock.after(this.#intervalMs, () => {
      this.#update = this.#renew().then(() => this.#wait())
    })
  }

  #renewed(popReceipt: string): void {
    this.#popReceipt = popReceipt
    this.#held?.hold({ queueName: this.#queue.name, id: this.#id, popReceipt })
  }

  async #renew(): Promise<void> {
    try {
      const popReceipt = await this.#queue.hide(this.#id, this.#popReceipt, this.#invisibleMs)
      if (popReceipt === undefined) this.#hasEnded = true
      else this.#renewed(popReceipt)
      this.#intervalMs = this.#invisibleMs / 2
    } catch {
      this.#intervalMs = Math.max(this.#intervalMs / 2, this.#invisibleMs / 10)
    }
  }
}
