import assert from 'node:assert/strict'
import { type JobQueue, jobQueues } from '../../src/jobs/job-queues.ts'
import type { HeldMessage, JobMessage, MessageQueues } from '../../src/jobs/message-queues.ts'
import { StorageHooks } from './storage-hooks.ts'

interface StoredMessage {
  readonly id: string
  readonly text: string
  visibleAt: number
  dequeueCount: number
  popReceipt: string
}

/** A message as the storage returns it. */
export interface ReceivedMessage {
  readonly id: string
  /** What was sent, as it was sent. */
  readonly text: string
  /** From 1. */
  readonly dequeueCount: number
  readonly popReceipt: string
}

export interface MemoryQueuesOptions {
  /** Milliseconds; default: stands still. */
  readonly now?: () => number
  /** From 0 up to but not with 1: which visible message comes next; default: the one that became visible first. */
  readonly random?: () => number
}

const maxBytes = 65_536

/** Queues in memory, by Azure's rules (REST reference: Put, Get, Update, Delete Message); the host's side is `receive`. */
export class MemoryQueues implements MessageQueues {
  readonly hooks = new StorageHooks()
  readonly #queues = new Map<string, StoredMessage[]>()
  readonly #now: () => number
  readonly #random: () => number
  #ids = 0

  constructor({ now = () => 0, random = () => 0 }: MemoryQueuesOptions = {}) {
    this.#now = now
    this.#random = random
  }

  async send(queue: JobQueue, message: JobMessage, delaySeconds = 0): Promise<void> {
    await this.hooks.around('send', jobQueues[queue], () => {
      this.put(jobQueues[queue], JSON.stringify(message), Math.ceil(delaySeconds))
    })
  }

  async hold(queue: JobQueue, message: JobMessage, seconds: number): Promise<HeldMessage> {
    const name = jobQueues[queue]
    let held = await this.hooks.around('hold', name, () => this.put(name, JSON.stringify(message), Math.ceil(seconds)))
    return {
      prolong: more =>
        this.hooks.around('prolong', name, () => {
          held = { ...held, popReceipt: this.update(name, held, more) ?? held.popReceipt }
        }),
      release: () => this.hooks.around('release', name, () => void this.delete(name, held)),
    }
  }

  async sendBack(text: string, delaySeconds: number): Promise<void> {
    await this.hooks.around('sendBack', jobQueues.submit, () => {
      this.put(jobQueues.submit, text, Math.ceil(delaySeconds))
    })
  }

  async sendEvent(queueName: string, text: string): Promise<void> {
    await this.hooks.around('sendEvent', queueName, () => void this.put(queueName, text))
  }

  /** @param queueName  e.g. `scoring-job-chunk-poison` */
  put(queueName: string, text: string, delaySeconds = 0): ReceivedMessage {
    assert.ok(Buffer.byteLength(text) <= maxBytes, 'a message is 64 KiB at most')
    assert.ok(Number.isInteger(delaySeconds) && delaySeconds >= 0 && delaySeconds <= 604_800, 'a delay is up to a week')
    const visibleAt = this.#now() + delaySeconds * 1000
    const sent = { id: `m${++this.#ids}`, text, dequeueCount: 0, popReceipt: `r${++this.#ids}` }
    this.#of(queueName).push({ ...sent, visibleAt })
    return sent
  }

  /** Receives a visible message, which becomes visible again unless it is deleted in time. @returns undefined when none is visible */
  receive(queueName: string, invisibleSeconds: number): ReceivedMessage | undefined {
    const visible = this.#of(queueName)
      .filter(({ visibleAt }) => visibleAt <= this.#now())
      .sort((a, b) => a.visibleAt - b.visibleAt)
    const message = visible[Math.floor(this.#random() * visible.length)]
    if (!message) return undefined
    message.dequeueCount++
    this.#hide(message, invisibleSeconds)
    const { id, text, dequeueCount, popReceipt } = message
    return { id, text, dequeueCount, popReceipt }
  }

  /** @returns the new pop receipt; undefined when the message was received again, or deleted */
  update(queueName: string, { id, popReceipt }: ReceivedMessage, invisibleSeconds: number): string | undefined {
    const message = this.#of(queueName).find(each => each.id === id && each.popReceipt === popReceipt)
    if (message) this.#hide(message, invisibleSeconds)
    return message?.popReceipt
  }

  /** @returns false when the message was received again, or deleted */
  delete(queueName: string, { id, popReceipt }: ReceivedMessage): boolean {
    const messages = this.#of(queueName)
    const index = messages.findIndex(each => each.id === id && each.popReceipt === popReceipt)
    if (index >= 0) messages.splice(index, 1)
    return index >= 0
  }

  /** All messages of a queue, also those that are hidden now, without receiving them. */
  peek(queueName: string): { readonly id: string; readonly text: string; readonly visibleAt: number }[] {
    return this.#of(queueName).map(({ id, text, visibleAt }) => ({ id, text, visibleAt }))
  }

  /** There is another one of it. */
  duplicate(queueName: string, id: string): void {
    const message = this.#of(queueName).find(each => each.id === id)
    if (message) this.put(queueName, message.text)
  }

  /** It is not there any more. */
  lose(queueName: string, id: string): void {
    this.#queues.set(
      queueName,
      this.#of(queueName).filter(each => each.id !== id),
    )
  }

  #hide(message: StoredMessage, seconds: number): void {
    message.visibleAt = this.#now() + seconds * 1000
    message.popReceipt = `r${++this.#ids}`
  }

  #of(queueName: string): StoredMessage[] {
    const messages = this.#queues.get(queueName) ?? []
    this.#queues.set(queueName, messages)
    return messages
  }
}
