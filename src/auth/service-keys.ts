import { hash, timingSafeEqual } from 'node:crypto'
import { ScoringError } from '../errors.ts'
import type { Authorizer } from './authorizer.ts'
import { parseBearer } from './bearer.ts'

/** The two keys of a service; either opens it. */
export interface KeyPair {
  readonly primary: string
  readonly secondary: string
}

/** Where keys come from. Port: `adapters/local/key-file.ts` implements it for development. */
export interface KeyStore {
  /**
   * The keys of each service.
   *
   * @param services  names of the services that are opened by keys
   */
  fetchKeys(services: readonly string[]): Promise<ReadonlyMap<string, KeyPair>>
}

/** Digests of a service's keys; the keys themselves are not kept. */
export class ServiceKeys implements Authorizer {
  readonly #primary: Buffer
  readonly #secondary: Buffer

  constructor({ primary, secondary }: KeyPair) {
    this.#primary = digest(primary)
    this.#secondary = digest(secondary)
  }

  authorize(authorization: string | null): void {
    const presented = digest(parseBearer(authorization))
    // Both comparisons always run, so timing does not tell which key matched.
    const isPrimary = timingSafeEqual(presented, this.#primary)
    const isSecondary = timingSafeEqual(presented, this.#secondary)
    if (!isPrimary && !isSecondary) throw new ScoringError('BEARER_REJECTED', 'The key is not valid for this service.')
  }
}

function digest(key: string): Buffer {
  return hash('sha256', key, 'buffer')
}
