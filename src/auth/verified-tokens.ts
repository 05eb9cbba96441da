import type { KeySet } from './signing-keys.ts'

const maxTokens = 1000

/**
 * Caches digests of verified tokens, so that a repeated token costs a hash instead of a signature check. A token is dropped
 * when it expires, and all tokens are dropped when the issuer's keys are renewed, because one of the keys may be gone.
 */
export class VerifiedTokens {
  readonly #validUntil = new Map<string, number>()
  #keySet: KeySet | undefined

  /**
   * @param keySet  the keys in use now
   * @param now     milliseconds since 1970
   */
  has(digest: string, keySet: KeySet, now: number): boolean {
    if (keySet !== this.#keySet) return false
    const until = this.#validUntil.get(digest)
    if (until !== undefined && until <= now) this.#validUntil.delete(digest)
    return until !== undefined && now < until
  }

  /**
   * @param keySet      the keys that were in use when the check began
   * @param validUntil  milliseconds since 1970
   */
  add(digest: string, keySet: KeySet, validUntil: number): void {
    if (keySet !== this.#keySet) this.#validUntil.clear()
    this.#keySet = keySet
    const [oldest] = this.#validUntil.keys()
    if (this.#validUntil.size >= maxTokens && oldest !== undefined) this.#validUntil.delete(oldest)
    this.#validUntil.set(digest, validUntil)
  }
}
