import { ScoringError } from '../errors.ts'
import type { BodyHold, BodyMemory } from './body-memory.ts'

/** When it is worth to try again: bytes become free as answers are sent, at times that are not known. */
const retryAfterSeconds = 1

interface ByteBudgetOptions {
  /** The budget that this one is part of, whose memory for bodies it uses. */
  readonly whole?: ByteBudget
  /** For bodies that workers read in place; absent: every body has memory of its own. */
  readonly memory?: BodyMemory
  /** Called for each request that is refused. */
  readonly onRefusal?: () => void
}

/**
 * Limits the bytes that requests hold at a time: those of an app, or those of one service within it. A body counts while it is
 * read and decompressed, and then its answer, until that has been sent. A request that would exceed the limit is refused
 * before its bytes are there.
 */
export class ByteBudget {
  readonly maxBytes: number
  readonly #whole: ByteBudget | undefined
  readonly #memory: BodyMemory | undefined
  readonly #onRefusal: () => void
  /** The oldest first. */
  readonly #spare = new Set<SpareBytes>()
  #spareBytes = 0
  #heldBytes = 0

  constructor(maxBytes: number, { whole, memory, onRefusal = () => {} }: ByteBudgetOptions = {}) {
    this.maxBytes = maxBytes
    this.#whole = whole
    this.#memory = whole ? whole.#memory : memory
    this.#onRefusal = onRefusal
  }

  get heldBytes(): number {
    return this.#heldBytes
  }

  /** Opens the account of one request, which holds nothing yet. */
  open(): HeldBytes {
    return new HeldBytes(this, this.#memory)
  }

  /**
   * For `HeldBytes`. A request that is alone is always accepted, or a large body would never be scored on a small machine.
   *
   * @throws ScoringError QUEUE_FULL
   */
  require(bytes: number, held: number): void {
    const exceeded = this.#findExceeded(bytes, held)
    if (!exceeded) return
    this.#onRefusal()
    const who = exceeded === this && this.#whole ? 'The service is busy: its' : 'The app is busy: all'
    const setting = exceeded === this && this.#whole ? 'limits.maxHeldBytes' : 'SCORING_MAX_HELD_BYTES'
    throw new ScoringError(
      'QUEUE_FULL',
      `${who} requests hold ${exceeded.#heldBytes} bytes; ${bytes} for this one would exceed ${setting} (${exceeded.maxBytes}); try again later.`,
      { retryAfterSeconds },
    )
  }

  /** For `HeldBytes`. */
  count(change: number): void {
    this.#heldBytes += change
    for (const spare of this.#spare) {
      if (this.#heldBytes + this.#spareBytes <= this.maxBytes) break
      spare.giveUp()
    }
    this.#whole?.count(change)
  }

  /**
   * Holds bytes that no request needs now, for work that nobody waits for. No request is refused because of them.
   *
   * @param onGivenUp  called when requests need the room; it is theirs by then
   * @returns undefined when there is no room
   */
  holdSpare(bytes: number, onGivenUp: () => void): SpareBytes | undefined {
    if (!this.#hasRoomToSpare(bytes)) return undefined
    const spare = new SpareBytes(bytes, () => this.#removeSpare(spare), onGivenUp)
    this.#addSpare(spare)
    return spare
  }

  #hasRoomToSpare(bytes: number): boolean {
    if (this.#heldBytes + this.#spareBytes + bytes > this.maxBytes) return false
    return this.#whole === undefined || this.#whole.#hasRoomToSpare(bytes)
  }

  #addSpare(spare: SpareBytes): void {
    this.#spare.add(spare)
    this.#spareBytes += spare.bytes
    if (this.#whole) this.#whole.#addSpare(spare)
  }

  #removeSpare(spare: SpareBytes): void {
    if (this.#spare.delete(spare)) this.#spareBytes -= spare.bytes
    if (this.#whole) this.#whole.#removeSpare(spare)
  }

  #findExceeded(bytes: number, held: number): ByteBudget | undefined {
    const others = this.#heldBytes - held
    if (others > 0 && others + bytes > this.maxBytes) return this
    return this.#whole ? this.#whole.#findExceeded(bytes, held) : undefined
  }
}

/** Bytes of work that nobody waits for, until they are released or requests need them. */
export class SpareBytes {
  readonly bytes: number
  readonly #remove: () => void
  readonly #onGivenUp: () => void

  constructor(bytes: number, remove: () => void, onGivenUp: () => void) {
    this.bytes = bytes
    this.#remove = remove
    this.#onGivenUp = onGivenUp
  }

  /** It may be called any number of times. */
  release(): void {
    this.#remove()
  }

  /** For `ByteBudget`. */
  giveUp(): void {
    this.#remove()
    this.#onGivenUp()
  }
}

/** The bytes that one request holds of a budget, until it is released. */
export class HeldBytes {
  readonly #budget: ByteBudget
  readonly #memory: BodyMemory | undefined
  #body: BodyHold | undefined
  #bytes = 0
  #isReleased = false

  /** @param memory  for a body that workers read in place */
  constructor(budget: ByteBudget, memory: BodyMemory | undefined) {
    this.#budget = budget
    this.#memory = memory
  }

  get bytes(): number {
    return this.#bytes
  }

  /**
   * Asks without holding any: a body that declares its length can be refused before it is read.
   *
   * @throws ScoringError QUEUE_FULL when the request could not hold as many now
   */
  requireRoom(bytes: number): void {
    if (bytes > this.#bytes) this.#budget.require(bytes, this.#bytes)
  }

  /**
   * Holds as many bytes from now on, more than before or fewer.
   *
   * @throws ScoringError QUEUE_FULL when that would exceed the budget; what was held stays held
   */
  resize(bytes: number): void {
    this.requireRoom(bytes)
    this.replace(bytes)
  }

  /**
   * Memory for the body, which workers read in place. The request holds it until its body is dropped.
   *
   * @param lead  bytes to leave out before the body
   * @returns undefined when the body needs memory of its own
   */
  takeMemory(bodyBytes: number, lead: number): Uint8Array | undefined {
    if (this.#isReleased || this.#body) return undefined
    const taken = this.#memory?.take(bodyBytes, lead)
    this.#body = taken?.hold
    return taken?.bytes
  }

  /** The request is answered: its body is not read any more, but by workers that hold it. */
  dropBody(): void {
    this.#body?.release()
  }

  /** Counts bytes that are there already, even beyond the budget: an answer in place of the body that it was made of. */
  replace(bytes: number): void {
    if (this.#isReleased) return
    this.#budget.count(bytes - this.#bytes)
    this.#bytes = bytes
  }

  /** Holds nothing from then on. It may be called any number of times. */
  release(): void {
    this.dropBody()
    this.replace(0)
    this.#isReleased = true
  }
}
