import { createLocalJWKSet, errors, type FlattenedJWSInput, type JSONWebKeySet, type JWSHeaderParameters } from 'jose'
import { ScoringError } from '../errors.ts'

/** A source of an issuer's public keys. Port: `adapters/entra-id/entra-key-set.ts` implements it. */
export interface KeySetSource {
  /**
   * Fetches the issuer's keys (RFC 7517, section 5), of which at least one is usable.
   *
   * @param signal  cancels the call
   * @throws Error when they cannot be fetched now
   */
  fetchKeySet(signal: AbortSignal): Promise<JSONWebKeySet>
}

/** A set of keys as fetched. */
export type KeySet = ReturnType<typeof createLocalJWKSet>

/** Age at which keys are renewed in the background when next needed; keys that the issuer has withdrawn end with that. */
const renewAfterMs = 10 * 60_000
/** Age at which keys are no longer used because the issuer could not be reached. */
const expireAfterMs = 24 * 3600_000
/** Shortest time between two fetches, whichever keys tokens name. */
const minIntervalMs = 30_000
const minIntervalAfterFailureMs = 5_000
/** Longest time that a request waits for keys. */
const fetchTimeoutMs = 5_000

interface SigningKeysOptions {
  readonly source: KeySetSource
  log(line: string): void
  /** Milliseconds of a monotonic clock. */
  readonly elapsed: () => number
}

/**
 * Caches the keys that an issuer signs with. `jose` has such a cache too, but drops its keys when they cannot be renewed,
 * and fetches again for every token while the issuer fails.
 */
export class SigningKeys {
  readonly #options: SigningKeysOptions
  #keySet: KeySet | undefined
  #loadedAt = 0
  #fetchedAt = Number.NEGATIVE_INFINITY
  #isFailing = false
  #renewing: Promise<void> | undefined

  constructor(options: SigningKeysOptions) {
    this.#options = options
  }

  /** The keys that may be used now, if any. Starts a renewal when one is due, and does not wait for it. */
  get current(): KeySet | undefined {
    const age = this.#options.elapsed() - this.#loadedAt
    if (!this.#keySet || age > renewAfterMs) void this.renew()
    return age <= expireAfterMs ? this.#keySet : undefined
  }

  /** Fetches the keys, unless the last attempt is too recent. Never rejects. */
  renew(): Promise<void> {
    const now = this.#options.elapsed()
    const intervalMs = this.#isFailing ? minIntervalAfterFailureMs : minIntervalMs
    if (!this.#renewing && now - this.#fetchedAt >= intervalMs) {
      this.#fetchedAt = now
      this.#renewing = this.#fetch().finally(() => {
        this.#renewing = undefined
      })
    }
    return this.#renewing ?? Promise.resolve()
  }

  /**
   * Finds the key that a token names, for `jose`. An unknown name may be that of a new key, so the keys are fetched once.
   *
   * @param mayFetch  whether the keys may be fetched for it
   * @throws ScoringError TOKEN_KEYS_UNAVAILABLE when the keys cannot be fetched, JWKSNoMatchingKey when there is no such key
   */
  async find(header: JWSHeaderParameters, token: FlattenedJWSInput, mayFetch = true): ReturnType<KeySet> {
    if (typeof header.kid !== 'string') throw new errors.JWKSNoMatchingKey()
    if (!mayFetch) return this.#require()(header, token)
    if (!this.current) await this.renew()
    try {
      return await this.#require()(header, token)
    } catch (failure) {
      if (!(failure instanceof errors.JWKSNoMatchingKey)) throw failure
    }
    await this.renew()
    if (this.#isFailing) throw unavailable()
    return this.#require()(header, token)
  }

  #require(): KeySet {
    const keySet = this.current
    if (!keySet) throw unavailable()
    return keySet
  }

  async #fetch(): Promise<void> {
    const { source, log, elapsed } = this.#options
    try {
      this.#keySet = createLocalJWKSet(await source.fetchKeySet(AbortSignal.timeout(fetchTimeoutMs)))
      this.#loadedAt = elapsed()
      if (this.#isFailing) log('the keys for checking tokens can be fetched again')
      this.#isFailing = false
    } catch (failure) {
      if (!this.#isFailing) log(`the keys for checking tokens cannot be fetched: ${(failure as Error).message}`)
      this.#isFailing = true
    }
  }
}

function unavailable(): ScoringError {
  return new ScoringError(
    'TOKEN_KEYS_UNAVAILABLE',
    'The keys for checking tokens are temporarily unavailable; try again later.',
  )
}
