import { timingSafeEqual } from 'node:crypto'
import type { Clock } from './clock.ts'
import { type KeySlot, keySlots } from './key-names.ts'
import { keyTimes } from './key-times.ts'
import type { Secret } from './secret-store.ts'
import { type KeyFault, readKey, type ServiceKey, validityOf } from './service-key.ts'

/** What was read for one slot, and when (monotonic). */
interface ReadSlot {
  readonly content: ServiceKey | KeyFault
  readonly readAt: number
}

/** `unavailable`: nobody can tell now, because the keys were not read, or are too old, or none of them counts. */
type Verdict = 'known' | 'unknown' | 'unavailable'

const validityFaults = { expired: 'has expired', 'not yet valid': 'is not valid yet' } as const

/** No key has it: nobody knows a text with this digest. */
const noDigest = Buffer.alloc(32)

/** The last known keys of one service. */
export class KeyRing {
  readonly #clock: Clock
  readonly #slots: Record<KeySlot, ReadSlot | undefined> = { primary: undefined, secondary: undefined }

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /**
   * Keeps what a read found.
   *
   * @param readAt  when the read began (monotonic): what it found may be as old as that
   * @returns whether this is another key than the last one
   */
  put(slot: KeySlot, secret: Secret | undefined, readAt: number): boolean {
    const before = this.contentOf(slot)
    const content = readKey(secret)
    this.#slots[slot] = { content, readAt }
    if (!('digest' in content)) return false
    return before === undefined || !('digest' in before) || !before.digest.equals(content.digest)
  }

  check(presented: Buffer): Verdict {
    const [now, wall] = [this.#clock.monotonicMs(), this.#clock.wallMs()]
    // Both comparisons always run, so timing does not tell which key matched, nor whether there are two.
    const isPrimary = isKeyOf(this.#slots.primary, presented, now, wall)
    const isSecondary = isKeyOf(this.#slots.secondary, presented, now, wall)
    if (isPrimary || isSecondary) return 'known'
    return this.#isReadable(now, wall) ? 'unknown' : 'unavailable'
  }

  /** Both slots were read within the hard lifetime, and one of them at least holds a key that counts now. */
  get isReadable(): boolean {
    return this.#isReadable(this.#clock.monotonicMs(), this.#clock.wallMs())
  }

  contentOf(slot: KeySlot): ServiceKey | KeyFault | undefined {
    return this.#slots[slot]?.content
  }

  /** Milliseconds since the older of the two slots was read; undefined: one of them never was. */
  get ageMs(): number | undefined {
    const { primary, secondary } = this.#slots
    return primary && secondary && this.#clock.monotonicMs() - Math.min(primary.readAt, secondary.readAt)
  }

  /** `valid`, or why the slot opens nothing. */
  statusOf(slot: KeySlot): string {
    const read = this.#slots[slot]
    if (!read) return 'not read yet'
    if ('fault' in read.content) return read.content.fault
    if (!isFresh(read, this.#clock.monotonicMs())) return 'too old'
    return validityOf(read.content, this.#clock.wallMs())
  }

  /** What is wrong with what was read last, as a rest of the sentence "secret iris-primary-key …". */
  faultOf(slot: KeySlot): string | undefined {
    const content = this.contentOf(slot)
    if (content === undefined || 'fault' in content) return content?.fault
    const validity = validityOf(content, this.#clock.wallMs())
    return validity === 'valid' ? undefined : validityFaults[validity]
  }

  #isReadable(now: number, wall: number): boolean {
    const read = keySlots.map(slot => this.#slots[slot])
    return read.every(slot => slot !== undefined && isFresh(slot, now)) && read.some(slot => isUsable(slot, now, wall))
  }
}

function isKeyOf(slot: ReadSlot | undefined, presented: Buffer, now: number, wall: number): boolean {
  const digest = slot && 'digest' in slot.content ? slot.content.digest : noDigest
  return timingSafeEqual(presented, digest) && isUsable(slot, now, wall)
}

function isUsable(slot: ReadSlot | undefined, now: number, wall: number): boolean {
  return (
    slot !== undefined && 'digest' in slot.content && isFresh(slot, now) && validityOf(slot.content, wall) === 'valid'
  )
}

function isFresh({ readAt }: ReadSlot, now: number): boolean {
  return now - readAt < keyTimes.hard
}
