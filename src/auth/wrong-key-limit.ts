import { isIPv4, isIPv6 } from 'node:net'
import { ScoringError } from '../errors.ts'
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

/**
 * What counts as one client: an IPv4 address, or the /64 of an IPv6 address, which is what one household or machine gets.
 *
 * @param address  `203.0.113.7`, `203.0.113.7:61598` (as Azure's front end writes it), `2001:db8::1`, `[2001:db8::1]:443`
 * @returns empty when it is no address
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

/** The first four of the eight groups of an IPv6 address, without leading zeros. */
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
