import { createLocalJWKSet, errors, type FlattenedJWSInput, type JSONWebKeySet, type JWSHeaderParameters } from 'jose'
import { ScoringError } from '../errors.ts'

/** Where the public keys of an issuer of tokens come from. Port: `adapters/entra-id/entra-key-set.ts` implements it. */
export interface KeySetSource {
  /**
   * The issuer's keys (RFC 7517, section 5), at least one of them usable.
   *
   * @param signal  ends the call
   * @throws Error when they cannot be had now
   */
  fetchKeySet(signal: AbortSignal): Promise<JSONWebKeySet>
}

/** One fetched set of keys. */
export type KeySet = ReturnType<typeof createLocalJWKSet>

/** Older keys are renewed in the background when they are next needed; a key that the issuer withdrew ends with that. */
const renewAfterMs = 10 * 60_000
/** With the issuer out of reach, known keys are good for so long. */
const keepMs = 24 * 3600_000
/** Whatever tokens name, the issuer is asked no more often than this. */
const pauseMs = 30_000
const pauseAfterFailureMs = 5_000
/** The longest a request waits for keys. */
const deadlineMs = 5_000

interface SigningKeysOptions {
  readonly source: KeySetSource
  log(line: string): void
  /** Milliseconds of a clock that only goes forward. */
  readonly elapsed: () => number
}

/**
 * The keys that an issuer signs with, as they are now. `jose` has such a cache too, but it throws its keys away when
 * they cannot be renewed, and asks again for every token while the issuer fails.
 */
export class SigningKeys {
  readonly #options: SigningKeysOptions
  #keySet: KeySet | undefined
  #loadedAt = 0
  #askedAt = Number.NEGATIVE_INFINITY
  #isFailing = false
  #renewing: Promise<void> | undefined

  constructor(options: SigningKeysOptions) {
    this.#options = options
  }

  /** Keys that may be used now; undefined: none. Renews them, as far as that is due, without waiting for it. */
  get current(): KeySet | undefined {
    const age = this.#options.elapsed() - this.#loadedAt
    if (!this.#keySet || age > renewAfterMs) void this.renew()
    return age <= keepMs ? this.#keySet : undefined
  }

  /** Fetches the keys, unless that was just tried. Never rejects. */
  renew(): Promise<void> {
    const now = this.#options.elapsed()
    const pause = this.#isFailing ? pauseAfterFailureMs : pauseMs
    if (!this.#renewing && now - this.#askedAt >= pause) {
      this.#askedAt = now
      this.#renewing = this.#fetch().finally(() => {
        this.#renewing = undefined
      })
    }
    return this.#renewing ?? Promise.resolve()
  }

  /**
   * The key that a token names, for `jose`. A name that is not known yet may be a new key: it is looked for once.
   *
   * @param mayFetch  whether the issuer may be asked and waited for
   * @throws ScoringError TOKEN_KEYS_UNAVAILABLE when that cannot be told now, JWKSNoMatchingKey when there is no such key
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
      this.#keySet = createLocalJWKSet(await source.fetchKeySet(AbortSignal.timeout(deadlineMs)))
      this.#loadedAt = elapsed()
      if (this.#isFailing) log('the keys that tokens are checked with are there again')
      this.#isFailing = false
    } catch (failure) {
      if (!this.#isFailing)
        log(`the keys that tokens are checked with cannot be fetched: ${(failure as Error).message}`)
      this.#isFailing = true
    }
  }
}

function unavailable(): ScoringError {
  return new ScoringError(
    'TOKEN_KEYS_UNAVAILABLE',
    'The keys that tokens are checked with cannot be fetched now; try again in a moment.',
  )
}
