import { createHash } from 'node:crypto'
import { ClientCounts } from '../../auth/client-counts.ts'
import { clientNetwork } from '../../auth/wrong-key-limit.ts'
import { ScoringError } from '../../errors.ts'
import { readClientAddress } from '../http/client-address.ts'
import type { WireRequest } from '../http/wire.ts'

/** Public keys that one caller may send a minute, also those that are refused: each costs 9 MB of upload and some 80 ms. */
const maxOfCaller = 20
/** All callers of a service. */
const maxOfService = 100
const minuteMs = 60_000
/** Public keys that a service stores a day: 18 GB. */
const maxStored = 2000
const dayMs = 86_400_000

/**
 * A name for who sends a request: the address, and a digest of the key. Several clients share the key of a service, and several
 * may have one address.
 *
 * @param trustedProxies  proxies before the app whose word is taken for the address
 */
export function identifyCaller(request: WireRequest, trustedProxies: number): string {
  const credential = request.headers.get('authorization') ?? ''
  const digest = createHash('sha256').update(credential).digest('base64url').slice(0, 22)
  return `${clientNetwork(readClientAddress(request, trustedProxies))} ${digest}`
}

/** Limits the public keys that callers send, and those that a service stores. Each instance of the app counts for itself. */
export class PublicKeyQuota {
  readonly #now: () => number
  readonly #ofCallers = new ClientCounts(minuteMs)
  readonly #ofServices = new ClientCounts(minuteMs)
  readonly #stored = new ClientCounts(dayMs)

  /** @param now  milliseconds of a clock that never jumps */
  constructor(now: () => number) {
    this.#now = now
  }

  /**
   * Counts keys that are about to be read and stored; those that are not stored in the end are given back.
   *
   * @param caller  as `identifyCaller` names it
   * @throws ScoringError TOO_MANY_PUBLIC_KEYS
   */
  take(service: string, caller: string): void {
    const now = this.#now()
    const sender = `${service} ${caller}`
    const limits = [
      { counts: this.#ofCallers, of: sender, max: maxOfCaller, text: `you have sent ${maxOfCaller} within a minute` },
      { counts: this.#ofServices, of: service, max: maxOfService, text: `it was sent ${maxOfService} within a minute` },
      { counts: this.#stored, of: service, max: maxStored, text: `it has stored ${maxStored} within a day` },
    ]
    for (const { counts, of, max, text } of limits) {
      const { count, endsAt } = counts.read(of, now)
      if (count < max) continue
      const retryAfterSeconds = Math.ceil((endsAt - now) / 1000)
      throw new ScoringError(
        'TOO_MANY_PUBLIC_KEYS',
        `The service takes no more public keys now: ${text}; try again in ${retryAfterSeconds} s.`,
        { retryAfterSeconds },
      )
    }
    for (const { counts, of } of limits) counts.add(of, now)
  }

  /** The keys were not stored. What they cost counts all the same. */
  giveBack(service: string): void {
    this.#stored.remove(service)
  }
}
