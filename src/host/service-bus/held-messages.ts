import type { ReceivedMessage } from './bus.ts'

/** The messages whose functions run, by their locks: a function may settle its own. */
export class HeldMessages {
  readonly #held = new Map<string, ReceivedMessage>()

  add(message: ReceivedMessage): void {
    this.#held.set(message.lockToken, message)
  }

  /** @returns whether it was held until now */
  release({ lockToken }: ReceivedMessage): boolean {
    return this.#held.delete(lockToken)
  }

  /** @throws Error when no message is held by this lock, or Service Bus refuses */
  async deadLetter(lockToken: string, reason: string, description: string): Promise<void> {
    const message = this.#held.get(lockToken)
    if (!message) throw new Error('the message is not held any more')
    await message.deadLetter(reason, description)
    this.release(message)
  }
}
