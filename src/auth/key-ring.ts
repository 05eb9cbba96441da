import { timingSafeEqual } from 'node:crypto'
import type { Clock } from '../clock.ts'
import { type KeyType, keyTypes } from './key-names.ts'
import { keyTimes } from './key-times.ts'
import type { Secret } from './secret-store.ts'
import { checkValidity, type KeyFault, readKey, type ServiceKey } from './service-key.ts'

/** The result of reading one secret, and when the read began (monotonic). */
interface CachedKey {
  readonly content: ServiceKey | KeyFault
  readonly readAt: number
}

/** `unavailable`: the key cannot be checked now, because the keys were not read, or are too old, or none is valid. */
type Verdict = 'known' | 'unknown' | 'unavailable'

const validityFaults = { expired: 'has expired', 'not yet valid': 'is not valid yet' } as const

/** Stands in for an absent key: no known text has this digest. */
const noDigest = Buffer.alloc(32)

/** Caches the two keys of one service. */
export class KeyRing {
  readonly #clock: Clock
  readonly #keys: Record<KeyType, CachedKey | undefined> = { primary: undefined, secondary: undefined }

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /**
   * Stores the result of a read.
   *
   * @param readAt  when the read began (monotonic): the result may be as old as that
   * @returns whether the key differs from the last one
   */
  put(type: KeyType, secret: Secret | undefined, readAt: number): boolean {
    const before = this.content(type)
    const content = readKey(secret)
    this.#keys[type] = { content, readAt }
    if (content.kind === 'fault') return false
    return before?.kind !== 'key' || !before.digest.equals(content.digest)
  }

  check(presented: Buffer): Verdict {
    const [now, wall] = [this.#clock.monotonicMs(), this.#clock.wallMs()]
    const { primary, secondary } = this.#keys
    // Both comparisons always run, so that timing reveals neither which key matched nor whether there are two.
    const isPrimary = hasDigest(primary, presented) && isUsable(primary, now, wall)
    const isSecondary = hasDigest(secondary, presented) && isUsable(secondary, now, wall)
    if (isPrimary || isSecondary) return 'known'
    return this.#isReadable(now, wall) ? 'unknown' : 'unavailable'
  }

  /** Whether both secrets were read before they expired, and at least one of them holds a valid key. */
  get isReadable(): boolean {
    return this.#isReadable(this.#clock.monotonicMs(), this.#clock.wallMs())
  }

  content(type: KeyType): ServiceKey | KeyFault | undefined {
    return this.#keys[type]?.content
  }

  /** Milliseconds since the older of the two reads; undefined when one of the secrets was never read. */
  get ageMs(): number | undefined {
    const { primary, secondary } = this.#keys
    return primary && secondary && this.#clock.monotonicMs() - Math.min(primary.readAt, secondary.readAt)
  }

  /** `valid`, or the reason why this key is rejected. */
  status(type: KeyType): string {
    const key = this.#keys[type]
    if (!key) return 'not read yet'
    if (key.content.kind === 'fault') return key.content.fault
    if (!isFresh(key, this.#clock.monotonicMs())) return 'too old'
    return checkValidity(key.content, this.#clock.wallMs())
  }

  /** The fault of the secret that was read last; completes the sentence "secret iris-primary-key …". */
  fault(type: KeyType): string | undefined {
    const content = this.content(type)
    if (content?.kind !== 'key') return content?.fault
    const validity = checkValidity(content, this.#clock.wallMs())
    return validity === 'valid' ? undefined : validityFaults[validity]
  }

  #isReadable(now: number, wall: number): boolean {
    const keys = keyTypes.map(type => this.#keys[type])
    return keys.every(key => key !== undefined && isFresh(key, now)) && keys.some(key => isUsable(key, now, wall))
  }
}

function hasDigest(key: CachedKey | undefined, presented: Buffer): boolean {
  return timingSafeEqual(presented, key?.content.kind === 'key' ? key.content.digest : noDigest)
}

function isUsable(key: CachedKey | undefined, now: number, wall: number): boolean {
  return key?.content.kind === 'key' && isFresh(key, now) && checkValidity(key.content, wall) === 'valid'
}

function isFresh({ readAt }: CachedKey, now: number): boolean {
  return now - readAt < keyTimes.expireAfterMs
}
