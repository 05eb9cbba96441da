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

export interface KeyAuthorizerParts {
  readonly reader: KeyReader
  readonly forcedRefresh: ForcedRefresh
  readonly limit: WrongKeyLimit
  readonly clock: Clock
}

/** Authorizes callers that send one of the two keys of a service. A known key is accepted at once, without the vault. */
export class KeyAuthorizer implements Authorizer {
  readonly #reader: KeyReader
  readonly #forcedRefresh: ForcedRefresh
  readonly #limit: WrongKeyLimit
  readonly #clock: Clock

  constructor({ reader, forcedRefresh, limit, clock }: KeyAuthorizerParts) {
    this.#reader = reader
    this.#forcedRefresh = forcedRefresh
    this.#limit = limit
    this.#clock = clock
  }

  authorize(authorization: string | null, caller: Caller): void | Promise<void> {
    const presented = digestKey(parseBearer(authorization))
    const verdict = this.#reader.ring.check(presented)
    if (verdict === 'known') return
    if (caller.isDryRun) throw verdict === 'unavailable' ? unavailable() : rejected()
    return this.#authorizeUnknown(presented, caller.clientAddress())
  }

  countWrong(caller: Pick<Caller, 'clientAddress'>): void {
    this.#limit.count(caller.clientAddress())
  }

  get isReady(): boolean {
    return this.#reader.ring.isReadable
  }

  describe(): object {
    const { ring, lastFailure, isFailing } = this.#reader
    return {
      ageSeconds: ring.ageMs === undefined ? null : Math.floor(ring.ageMs / 1000),
      ...Object.fromEntries(keyTypes.map(type => [type, ring.status(type)])),
      isFailing,
      lastFailure: lastFailure && {
        kind: lastFailure.kind,
        secondsAgo: Math.floor((this.#clock.monotonicMs() - lastFailure.at) / 1000),
      },
    }
  }

  /** Forces a refresh, because the key may be newer than the cached ones. */
  async #authorizeUnknown(presented: Buffer, address: string): Promise<void> {
    const { ring } = this.#reader
    const isSuspect = this.#limit.isOver(address)
    const until = this.#clock.monotonicMs() + keyTimes.maxWaitMs
    const startedBefore = this.#reader.startedCount
    // A read that was in progress when the key came may have missed it; only a later one decides.
    while (this.#reader.startedCount === startedBefore || this.#reader.isReading) {
      const read = this.#forcedRefresh.request(this.#reader, isSuspect, until)
      if (!read) break
      await read
      if (ring.check(presented) === 'known') return
      if (this.#clock.monotonicMs() >= until) break
    }
    if (ring.check(presented) === 'unavailable') throw unavailable()
    this.#limit.count(address)
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
