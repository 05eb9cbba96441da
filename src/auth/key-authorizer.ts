import type { Clock } from '../clock.ts'
import { ScoringError } from '../errors.ts'
import type { Authorizer, Caller } from './authorizer.ts'
import { parseBearer } from './bearer.ts'
import type { ForcedRefresh } from './forced-refresh.ts'
import { keyTypes } from './key-names.ts'
import type { KeyReader } from './key-reader.ts'
import { keyTimes } from './key-times.ts'
import { digestKey } from './service-key.ts'
import type { WrongKeyLimit } from './wrong-key-limit.ts'

interface KeyAuthorizerParts {
  readonly reader: KeyReader
  readonly forcedRefresh: ForcedRefresh
  readonly limit: WrongKeyLimit
  /** As `Caller.clientAddress` takes it. */
  readonly trustedProxies: number
  readonly clock: Clock
}

/** Authorizes callers that send one of the two keys of a service. A known key is accepted at once, without the vault. */
export class KeyAuthorizer implements Authorizer {
  readonly #parts: KeyAuthorizerParts

  constructor(parts: KeyAuthorizerParts) {
    this.#parts = parts
  }

  authorize(authorization: string | null, caller: Caller): void | Promise<void> {
    const presented = digestKey(parseBearer(authorization))
    const verdict = this.#parts.reader.ring.check(presented)
    if (verdict === 'known') return
    if (caller.isDryRun) throw verdict === 'unavailable' ? unavailable() : rejected()
    return this.#authorizeUnknown(presented, caller.clientAddress(this.#parts.trustedProxies))
  }

  countWrong(caller: Pick<Caller, 'clientAddress'>): void {
    const { limit, trustedProxies } = this.#parts
    limit.count(caller.clientAddress(trustedProxies))
  }

  get isReady(): boolean {
    return this.#parts.reader.isReady
  }

  describe(): object {
    const { reader, clock } = this.#parts
    const { ring, lastFailure, isFailing } = reader
    return {
      ageSeconds: ring.ageMs === undefined ? null : Math.floor(ring.ageMs / 1000),
      ...Object.fromEntries(keyTypes.map(type => [type, ring.status(type)])),
      isFailing,
      lastFailure: lastFailure && {
        kind: lastFailure.kind,
        secondsAgo: Math.floor((clock.monotonicMs() - lastFailure.at) / 1000),
      },
    }
  }

  /** Forces a refresh, because the key may be newer than the cached ones. */
  async #authorizeUnknown(presented: Buffer, address: string): Promise<void> {
    const { reader, forcedRefresh, limit, clock } = this.#parts
    const { ring } = reader
    const isSuspect = limit.isOver(address)
    const until = clock.monotonicMs() + keyTimes.maxWaitMs
    const startedBefore = reader.startedCount
    // A read that was in progress when the key came may have missed it; only a later one decides.
    while (reader.startedCount === startedBefore || reader.isReading) {
      const read = forcedRefresh.request(reader, isSuspect, until)
      if (!read) break
      await read
      if (ring.check(presented) === 'known') return
      if (clock.monotonicMs() >= until) break
    }
    if (ring.check(presented) === 'unavailable') throw unavailable()
    limit.count(address)
    throw rejected()
  }
}

function rejected(): ScoringError {
  return new ScoringError('BEARER_REJECTED', 'The key is not valid for this service.')
}

function unavailable(): ScoringError {
  return new ScoringError(
    'KEYS_UNAVAILABLE',
    'The keys of this service are temporarily unavailable; try again later.',
    { retryAfterSeconds: keyTimes.forcedReadIntervalMs / 1000 },
  )
}
