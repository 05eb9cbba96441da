import { ScoringError } from '../errors.ts'

/** When it is worth to try again: what is held goes as answers are sent, which nobody knows the time of. */
const retryAfterSeconds = 1

/**
 * Bytes that may be held at a time: by all requests of an app, or by those of one service within it. Bodies count as they
 * are read and as they are unpacked, until the answer has left in their place; what finds no room is refused before it
 * is there.
 */
export class ByteBudget {
  readonly maxBytes: number
  readonly #whole: ByteBudget | undefined
  readonly #onRefusal: () => void
  #heldBytes = 0

  /**
   * @param whole      what this one is a share of
   * @param onRefusal  called for each request that finds no room
   */
  constructor(maxBytes: number, whole?: ByteBudget, onRefusal: () => void = () => {}) {
    this.maxBytes = maxBytes
    this.#whole = whole
    this.#onRefusal = onRefusal
  }

  get heldBytes(): number {
    return this.#heldBytes
  }

  /** For one request: it holds nothing yet. */
  open(): HeldBytes {
    return new HeldBytes({
      require: (bytes, held) => this.#require(bytes, held),
      count: change => this.#count(change),
    })
  }

  /** One that is alone is always let in, or a large body would never be scored on a small machine. */
  #require(bytes: number, held: number): void {
    const full = this.#withoutRoomFor(bytes, held)
    if (!full) return
    this.#onRefusal()
    const who =
      full === this && this.#whole
        ? 'The service is busy: its requests'
        : 'The app is busy: the requests of all services'
    throw new ScoringError(
      'QUEUE_FULL',
      `${who} may hold ${full.maxBytes} bytes at a time, and the ${bytes} bytes of this one find no room beside the others; try again later.`,
      { retryAfterSeconds },
    )
  }

  #withoutRoomFor(bytes: number, held: number): ByteBudget | undefined {
    const others = this.#heldBytes - held
    if (others > 0 && others + bytes > this.maxBytes) return this
    return this.#whole ? this.#whole.#withoutRoomFor(bytes, held) : undefined
  }

  #count(change: number): void {
    this.#heldBytes += change
    if (this.#whole) this.#whole.#count(change)
  }
}

interface Ledger {
  /** @throws ScoringError QUEUE_FULL */
  require(bytes: number, held: number): void
  count(change: number): void
}

/** What one request holds of a budget, until it is released. */
export class HeldBytes {
  readonly #ledger: Ledger
  #bytes = 0
  #isReleased = false

  constructor(ledger: Ledger) {
    this.#ledger = ledger
  }

  get bytes(): number {
    return this.#bytes
  }

  /**
   * Asks, without holding any: a body that announces itself can be refused before it is read.
   *
   * @throws ScoringError QUEUE_FULL when the request could not hold as many now
   */
  requireRoom(bytes: number): void {
    if (bytes > this.#bytes) this.#ledger.require(bytes, this.#bytes)
  }

  /**
   * Holds as many from now on, more than before or fewer.
   *
   * @throws ScoringError QUEUE_FULL when there is no room for them; what was held stays held
   */
  resize(bytes: number): void {
    this.requireRoom(bytes)
    this.replace(bytes)
  }

  /** Counts what is there already, for which there may be no room: an answer in place of the body that it was made of. */
  replace(bytes: number): void {
    if (this.#isReleased) return
    this.#ledger.count(bytes - this.#bytes)
    this.#bytes = bytes
  }

  /** Any number of times; nothing is held from then on. */
  release(): void {
    this.replace(0)
    this.#isReleased = true
  }
}
