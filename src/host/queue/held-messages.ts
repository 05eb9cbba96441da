/** A message that a process has received and has not finished. */
export interface HeldMessage {
  readonly queueName: string
  readonly id: string
  /** The newest one. */
  readonly popReceipt: string
}

/** Sent to the supervisor, which has the messages of a process that dies delivered again at once, rather than after ten minutes. */
export type Holding =
  | { readonly type: 'holds'; readonly message: HeldMessage }
  | { readonly type: 'released'; readonly id: string }

/** Sent by the supervisor to a process: what its predecessor held when it died. */
export interface HandBack {
  readonly type: 'hand back'
  readonly messages: readonly HeldMessage[]
}

/** Tells which messages this process holds. */
export class HeldMessages {
  readonly #tell: (holding: Holding) => void

  constructor(tell: (holding: Holding) => void) {
    this.#tell = tell
  }

  hold(message: HeldMessage): void {
    this.#tell({ type: 'holds', message })
  }

  release(id: string): void {
    this.#tell({ type: 'released', id })
  }
}
