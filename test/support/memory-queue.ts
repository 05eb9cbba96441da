import type { Clock } from '../../src/clock.ts'
import type { Queue, QueueMessage } from '../../src/host/queue/queue.ts'

interface Entry {
  readonly id: string
  readonly text: string
  popReceipt: string
  dequeueCount: number
  visibleAt: number
}

/** A storage queue in memory, with invisibility and pop receipts, on any clock. */
export class MemoryQueue implements Queue {
  readonly name: string
  readonly #clock: Clock
  readonly #entries = new Map<string, Entry>()
  #count = 0

  constructor(name: string, clock: Clock) {
    this.name = name
    this.#clock = clock
  }

  get texts(): string[] {
    return [...this.#entries.values()].map(({ text }) => text)
  }

  /** Delivers a message to another process: the receipt of its present holder becomes invalid. */
  takeAway(text: string): void {
    for (const entry of this.#entries.values()) if (entry.text === text) entry.popReceipt = this.#receipt()
  }

  async receive(maxCount: number, invisibleMs: number): Promise<readonly QueueMessage[]> {
    const now = this.#clock.wallMs()
    const found = [...this.#entries.values()].filter(({ visibleAt }) => visibleAt <= now).slice(0, maxCount)
    return found.map(entry => {
      entry.popReceipt = this.#receipt()
      entry.dequeueCount++
      entry.visibleAt = now + invisibleMs
      const { id, popReceipt, text, dequeueCount } = entry
      const moments = { insertedAt: new Date(now), expiresAt: new Date(now), nextVisibleAt: new Date(entry.visibleAt) }
      return { id, popReceipt, text, dequeueCount, ...moments }
    })
  }

  async hide(id: string, popReceipt: string, ms: number): Promise<string | undefined> {
    const entry = this.#entries.get(id)
    if (entry?.popReceipt !== popReceipt) return undefined
    entry.popReceipt = this.#receipt()
    entry.visibleAt = this.#clock.wallMs() + ms
    return entry.popReceipt
  }

  async delete(id: string, popReceipt: string): Promise<void> {
    if (this.#entries.get(id)?.popReceipt === popReceipt) this.#entries.delete(id)
  }

  async send(text: string): Promise<void> {
    const id = `message-${++this.#count}`
    this.#entries.set(id, { id, text, popReceipt: '', dequeueCount: 0, visibleAt: this.#clock.wallMs() })
  }

  #receipt(): string {
    return `receipt-${++this.#count}`
  }
}
