import { isIPv4, isIPv6 } from 'node:net'
import type { Clock } from '../clock.ts'
import { ScoringError } from '../errors.ts'

/** Wrong keys that a client may send within the window, over all services. */
const maxWrongKeys = 20
const windowMs = 60_000
/** Clients that are tracked, about 1 MB; the least recent ones are dropped. */
const maxClients = 10_000
/** Clients dropped at a time: to find its first entry, a Map walks over all entries that were deleted before it. */
const droppedAtOnce = 500

interface Client {
  count: number
  windowEndsAt: number
}

/**
 * Counts wrong keys by client address. A valid key is never limited, because several clients may share an address.
 */
export class WrongKeyLimit {
  readonly #clock: Clock
  /** Sorted by their last wrong key. */
  readonly #clients = new Map<string, Client>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Whether the client's next wrong key exceeds the limit. */
  isOver(address: string): boolean {
    const client = this.#clients.get(clientNetwork(address))
    return client !== undefined && client.count >= maxWrongKeys && this.#clock.monotonicMs() < client.windowEndsAt
  }

  /** @throws ScoringError TOO_MANY_WRONG_KEYS when this one exceeds the limit */
  count(address: string): void {
    const now = this.#clock.monotonicMs()
    const network = clientNetwork(address)
    let client = this.#clients.get(network)
    if (!client || now >= client.windowEndsAt) client = { count: 0, windowEndsAt: now + windowMs }
    this.#clients.delete(network)
    this.#clients.set(network, client)
    if (this.#clients.size > maxClients) {
      for (const oldest of this.#clients.keys().take(droppedAtOnce)) this.#clients.delete(oldest)
    }
    if (++client.count <= maxWrongKeys) return
    throw new ScoringError(
      'TOO_MANY_WRONG_KEYS',
      'Your address has sent too many wrong keys. A valid key is still accepted, a new one within a minute.',
      { retryAfterSeconds: Math.ceil((client.windowEndsAt - now) / 1000) },
    )
  }
}

/**
 * Reduces an address to the network that counts as one client: an IPv4 address, or the /64 of an IPv6 address, which is
 * what one household or machine is assigned.
 *
 * @param address  `203.0.113.7`, `203.0.113.7:61598` (as Azure's front end writes it), `2001:db8::1`, `[2001:db8::1]:443`
 * @returns an empty text when it is not an address
 */
export function clientNetwork(address: string): string {
  const text = address.trim()
  const [, bracketed] = /^\[([^\]]*)\](?::\d+)?$/.exec(text) ?? []
  const bare = bracketed ?? (/^[\d.]+:\d+$/.test(text) ? text.slice(0, text.indexOf(':')) : text)
  if (isIPv4(bare)) return bare
  if (!isIPv6(bare)) return ''
  const [, mapped] = /^::ffff:([\d.]+)$/i.exec(bare) ?? []
  return mapped ?? `${firstGroups(bare).join(':')}::/64`
}

/** Returns the first four of the eight groups of an IPv6 address, without leading zeros. */
function firstGroups(address: string): string[] {
  const [left = '', right] = address
    .replace(/%.*$/, '')
    .replace(/[\d.]+\.[\d.]+$/, '0:0')
    .split('::')
  const groups = (part: string) => (part === '' ? [] : part.split(':'))
  const [head, tail] = [groups(left), groups(right ?? '')]
  const gap = right === undefined ? 0 : 8 - head.length - tail.length
  const all = [...head, ...Array<string>(gap).fill('0'), ...tail]
  return all.slice(0, 4).map(group => Number.parseInt(group, 16).toString(16))
}
