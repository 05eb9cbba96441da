/** Clients that are tracked, about 1 MB; the least recent ones are dropped. */
const maxClients = 10_000
/** Clients dropped at a time: to find its first entry, a Map walks over all entries that were deleted before it. */
const droppedAtOnce = 500

interface Window {
  count: number
  /** Milliseconds of the clock that the caller has. */
  readonly endsAt: number
}

/** Counts what clients do within a window, which begins with the first of it. */
export class ClientCounts {
  readonly #windowMs: number
  /** Sorted by their last event. */
  readonly #clients = new Map<string, Window>()

  constructor(windowMs: number) {
    this.#windowMs = windowMs
  }

  /** @param now  milliseconds of a clock that never jumps */
  read(client: string, now: number): Readonly<Window> {
    const window = this.#clients.get(client)
    return window && now < window.endsAt ? window : { count: 0, endsAt: now + this.#windowMs }
  }

  /** Counts an event. @returns the count with it */
  add(client: string, now: number): Readonly<Window> {
    const window = { ...this.read(client, now) }
    window.count++
    this.#clients.delete(client)
    this.#clients.set(client, window)
    if (this.#clients.size > maxClients) {
      for (const oldest of this.#clients.keys().take(droppedAtOnce)) this.#clients.delete(oldest)
    }
    return window
  }

  /** Takes an event back. */
  remove(client: string): void {
    const window = this.#clients.get(client)
    if (window) window.count--
  }
}
