import { isIPv4, isIPv6 } from 'node:net'
import type { Clock } from '../clock.ts'
import { ScoringError } from '../errors.ts'
import { ClientCounts } from './client-counts.ts'

/** Wrong keys that a client may send within the window, over all services. */
const maxWrongKeys = 20
const windowMs = 60_000

/**
 * Counts wrong keys by client address. A valid key is never limited, because several clients may share an address.
 */
export class WrongKeyLimit {
  readonly #clock: Clock
  readonly #counts = new ClientCounts(windowMs)

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Whether the client's next wrong key exceeds the limit. */
  isOver(address: string): boolean {
    return this.#counts.read(clientNetwork(address), this.#clock.monotonicMs()).count >= maxWrongKeys
  }

  /** @throws ScoringError TOO_MANY_WRONG_KEYS when this one exceeds the limit */
  count(address: string): void {
    const now = this.#clock.monotonicMs()
    const { count, endsAt } = this.#counts.add(clientNetwork(address), now)
    if (count <= maxWrongKeys) return
    throw new ScoringError(
      'TOO_MANY_WRONG_KEYS',
      'Your address has sent too many wrong keys. A valid key is still accepted, a new one within a minute.',
      { retryAfterSeconds: Math.ceil((endsAt - now) / 1000) },
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
