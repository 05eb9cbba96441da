import type { Clock } from '../clock.ts'
import type { Queue, QueueMessage } from './queue.ts'

/**
 * Keeps a message invisible while its function runs: for the whole time again at half of it, and sooner after a failure,
 * but never sooner than after a tenth (10 min: every 5 min, no less than 1 min). It ends when the message is no longer
 * ours. (sdk UpdateQueueMessageVisibilityCommand, LinearSpeedupStrategy)
 */
export class MessageRenewal {
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

  /** @returns the newest pop receipt, also when it is no longer good */
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
