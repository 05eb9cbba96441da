import { handleMessage, type MessageHandling } from './handle-message.ts'
import type { QueueMessage } from './queue.ts'

export interface QueueListenerOptions extends MessageHandling {
  /** 0 to 1, as Math.random. */
  readonly random: () => number
}

/**
 * Looks into a queue and runs what it finds: all messages of a batch at once, and the next batch when no more than
 * `newBatchThreshold` run. Between looks at an empty queue it pauses for longer and longer. (sdk QueueListener)
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

  /** There may be a message: look now. */
  wake(): void {
    this.#isWoken = true
    this.#endPause()
  }

  /** Takes no more messages, and waits until those that run have ended. */
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
      if (this.#isStopping) return this.#giveBack(messages)
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

  /** An outage is told once, when it begins and when it is over. */
  async #receive(batchSize: number): Promise<readonly QueueMessage[]> {
    const { queue, invisibleMs, warn } = this.#options
    try {
      const messages = await queue.receive(batchSize, invisibleMs)
      if (!this.#isReachable) warn(`Queue '${queue.name}' can be read again.`)
      this.#isReachable = true
      return messages
    } catch (error) {
      if (this.#isReachable)
        warn(`Queue '${queue.name}' cannot be read: ${describeFailure(error)}. Trying again and again.`)
      this.#isReachable = false
      return []
    }
  }

  #run(message: QueueMessage): void {
    const { queue, warn } = this.#options
    const run = handleMessage(message, this.#options)
      .catch(error => {
        warn(`Message ${message.id} of queue '${queue.name}' comes back later: ${describeFailure(error)}.`)
      })
      .then(() => {
        this.#running.delete(run)
        this.#onRunEnded()
      })
    this.#running.add(run)
  }

  /** Received while the host was told to stop: others need not wait for them. */
  async #giveBack(messages: readonly QueueMessage[]): Promise<void> {
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

/** Pauses between looks into an empty queue, randomized and growing. (sdk RandomizedExponentialBackoffStrategy) */
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
