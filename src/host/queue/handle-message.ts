import type { Clock } from '../clock.ts'
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
  /** Runs the function with the decoded text; never throws. @returns whether it succeeded */
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
  const { queue, poison, settings, invisibleMs, clock, run, warn } = handling
  const { id, popReceipt, dequeueCount } = message
  // The run of a message that crashes the process never ends, so its count is checked before a run as well.
  if (poison && dequeueCount > settings.maxDequeueCount) return moveToPoison(message, popReceipt, poison, handling)

  const text = decodeMessageText(message.text, settings.messageEncoding)
  if (text === undefined) {
    const consequence = poison ? `it is moved to queue '${poison.name}'` : 'there is no poison queue for it'
    warn(`Message ${id} in queue '${queue.name}' is not encoded as ${settings.messageEncoding}; ${consequence}.`)
    if (poison) await move(message, popReceipt, poison, handling)
    return
  }

  const renewal = new MessageRenewal(queue, message, invisibleMs, clock)
  const hasSucceeded = await run(message, text)
  const newest = await renewal.stop()
  if (hasSucceeded) await queue.delete(id, newest)
  else if (poison && dequeueCount >= settings.maxDequeueCount) await moveToPoison(message, newest, poison, handling)
  else if (poison) await queue.hide(id, newest, settings.visibilityTimeoutMs)
}

function moveToPoison(message: QueueMessage, popReceipt: string, poison: Queue, handling: MessageHandling) {
  const { maxDequeueCount } = handling.settings
  handling.warn(
    `Message ${message.id} in queue '${handling.queue.name}' has reached MaxDequeueCount of ${maxDequeueCount}. ` +
      `Moving message to queue '${poison.name}'.`,
  )
  return move(message, popReceipt, poison, handling)
}

/** Sends before it deletes: a crash between the two leaves the message in both queues rather than in none. */
async function move(message: QueueMessage, popReceipt: string, poison: Queue, { queue, onPoison }: MessageHandling) {
  await poison.send(message.text)
  onPoison()
  await queue.delete(message.id, popReceipt)
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
  #popReceipt: string
  #intervalMs: number
  #cancel: () => void = () => {}
  #update: Promise<void> = Promise.resolve()
  #hasEnded = false

  constructor(queue: Queue, { id, popReceipt }: QueueMessage, invisibleMs: number, clock: Clock) {
    this.#queue = queue
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

  async #renew(): Promise<void> {
    try {
      const popReceipt = await this.#queue.hide(this.#id, this.#popReceipt, this.#invisibleMs)
      if (popReceipt === undefined) this.#hasEnded = true
      else this.#popReceipt = popReceipt
      this.#intervalMs = this.#invisibleMs / 2
    } catch {
      this.#intervalMs = Math.max(this.#intervalMs / 2, this.#invisibleMs / 10)
    }
  }
}
