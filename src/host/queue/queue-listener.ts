import { handleMessage, type MessageHandling } from './handle-message.ts'
import type { HeldMessage } from './held-messages.ts'
import type { QueueMessage } from './queue.ts'

export interface QueueListenerOptions extends MessageHandling {
  /** 0 to 1, as Math.random. */
  readonly random: () => number
}

/**
 * Polls a queue and runs its messages: all messages of a batch at once, and the next batch when no more than
 * `newBatchThreshold` are running. The pauses between polls of an empty queue grow. (sdk QueueListener)
 */
export class QueueListener {
  readonly #options: QueueListenerOptions
  readonly #delay: PollingDelay
  readonly #running = new Set<Promise<void>>()
  #isStopping = false
  #isWoken = false
  #isReachable = true
  #endPause: () => void = () => {}
  #onRunEnded: () => void = () => {}
  #polling: Promise<void> = Promise.resolve()

  constructor(options: QueueListenerOptions) {
    this.#options = options
    this.#delay = new PollingDelay(options.settings.maxPollingIntervalMs, options.random)
  }

  start(): void {
    this.#polling = this.#poll()
  }

  /** Polls now, because there may be a message. */
  wake(): void {
    this.#isWoken = true
    this.#endPause()
  }

  /** Makes a message visible that an earlier process held when it died, and polls. Does nothing when another process has it. */
  async takeBack({ id, popReceipt }: HeldMessage): Promise<void> {
    await this.#options.queue.hide(id, popReceipt, 0).catch(() => undefined) // it comes back after its time
    this.wake()
  }

  /** Receives no more messages, and waits for the runs in progress. */
  async stop(): Promise<void> {
    this.#isStopping = true
    this.wake()
    this.#onRunEnded()
    await this.#polling
    await Promise.all(this.#running)
  }

  async #poll(): Promise<void> {
    const { batchSize, newBatchThreshold } = this.#options.settings
    let hasFound = false
    while (!this.#isStopping) {
      this.#isWoken = false
      const messages = await this.#receive(batchSize)
      if (this.#isStopping) return this.#release(messages)
      if (messages.length === 0) {
        await this.#pause(this.#delay.nextMs(hasFound))
        hasFound = false
        continue
      }
      hasFound = true
      for (const message of messages) this.#run(message)
      while (this.#running.size > newBatchThreshold && !this.#isStopping) await this.#nextEnd()
    }
  }

  /** Warns once when an outage begins, and once when it is over. */
  async #receive(batchSize: number): Promise<readonly QueueMessage[]> {
    const { queue, invisibleMs, warn } = this.#options
    try {
      const messages = await queue.receive(batchSize, invisibleMs)
      if (!this.#isReachable) warn(`Queue '${queue.name}' can be read again.`)
      this.#isReachable = true
      return messages
    } catch (error) {
      if (this.#isReachable)
        warn(`Queue '${queue.name}' cannot be read: ${describeFailure(error)}. Retrying until it can.`)
      this.#isReachable = false
      return []
    }
  }

  #run(message: QueueMessage): void {
    const { queue, warn, held } = this.#options
    held?.hold({ queueName: queue.name, id: message.id, popReceipt: message.popReceipt })
    const run = handleMessage(message, this.#options)
      .catch(error => {
        warn(`Message ${message.id} of queue '${queue.name}' will be delivered again: ${describeFailure(error)}.`)
      })
      .then(() => {
        held?.release(message.id)
        this.#running.delete(run)
        this.#onRunEnded()
      })
    this.#running.add(run)
  }

  /** Makes messages visible again that were received while the host began to stop. */
  async #release(messages: readonly QueueMessage[]): Promise<void> {
    for (const { id, popReceipt } of messages) await this.#options.queue.hide(id, popReceipt, 0).catch(() => undefined)
  }

  async #pause(ms: number): Promise<void> {
    if (this.#isWoken) return
    await new Promise<void>(resolve => {
      const cancel = this.#options.clock.after(ms, resolve)
      this.#endPause = () => {
        cancel()
        resolve()
      }
    })
  }

  #nextEnd(): Promise<void> {
    return new Promise(resolve => {
      this.#onRunEnded = resolve
    })
  }
}

function describeFailure(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

const minDelayMs = 100

/** Pauses between polls of an empty queue, randomized and growing. (sdk RandomizedExponentialBackoffStrategy) */
export class PollingDelay {
  readonly #maxMs: number
  readonly #random: () => number
  #exponent = 0
  #current = 0

  /** @param random  0 to 1, as Math.random */
  constructor(maxMs: number, random: () => number) {
    this.#maxMs = maxMs
    this.#random = random
  }

  /** @param hasFound  whether there was a message since the last pause */
  nextMs(hasFound: boolean): number {
    if (hasFound) {
      this.#exponent = 1
      this.#current = Math.min(minDelayMs, this.#maxMs)
    } else if (this.#current !== this.#maxMs) {
      const growth = this.#exponent === 0 ? 0 : 2 ** (this.#exponent - 1) * minDelayMs * (0.8 + 0.4 * this.#random())
      this.#current = Math.min(this.#maxMs, minDelayMs + growth)
      this.#exponent++
    }
    return this.#current
  }
}
