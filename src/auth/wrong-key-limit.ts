import { ScoringError } from '../errors.ts'
import { clientNetwork } from './client-network.ts'
import type { Clock } from './clock.ts'

/** Wrong keys that a client may show within the window, over all services. */
const maxWrongKeys = 20
const windowMs = 60_000
/** Clients that are remembered; those that have been quiet longest make room. About 1 MB. */
const maxClients = 10_000
/** Forgotten at a time: to find the first entry, a Map walks over the places of all that were deleted before it. */
const forgottenAtOnce = 500

interface Client {
  count: number
  windowEndsAt: number
}

/**
 * Counts wrong keys by client address. Only wrong keys meet the limit: behind one address there may be others, and
 * a valid key from there works whatever they do.
 */
export class WrongKeyLimit {
  readonly #clock: Clock
  /** In the order of their last wrong key. */
  readonly #clients = new Map<string, Client>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Whether the client has shown so many that the next wrong one is refused. */
  isOver(address: string): boolean {
    const client = this.#clients.get(clientNetwork(address))
    return client !== undefined && client.count >= maxWrongKeys && this.#clock.monotonicMs() < client.windowEndsAt
  }

  /** @throws ScoringError TOO_MANY_WRONG_KEYS when this one is over the limit */
  count(address: string): void {
    const now = this.#clock.monotonicMs()
    const network = clientNetwork(address)
    let client = this.#clients.get(network)
    if (!client || now >= client.windowEndsAt) client = { count: 0, windowEndsAt: now + windowMs }
    this.#clients.delete(network)
    this.#clients.set(network, client)
    if (this.#clients.size > maxClients) {
      for (const quiet of this.#clients.keys().take(forgottenAtOnce)) this.#clients.delete(quiet)
    }
    if (++client.count <= maxWrongKeys) return
    throw new ScoringError(
      'TOO_MANY_WRONG_KEYS',
      'Too many wrong keys came from your address; a valid key works at any time, a new one within a minute.',
      { retryAfterSeconds: Math.ceil((client.windowEndsAt - now) / 1000) },
    )
  }
}
