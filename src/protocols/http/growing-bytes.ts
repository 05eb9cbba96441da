/** A length that was announced is only a promise: beyond this it is believed when so much of it has come. */
const trustedBytes = 2 ** 20
const firstBytes = 16_384

/**
 * Bytes as they come, put one after the other. Memory that is set aside and not written to is not taken from the machine,
 * so what this takes is what has come, but for the moment in which it is copied to a larger place.
 */
export class GrowingBytes {
  readonly #announced: number | undefined
  #bytes: Uint8Array<ArrayBuffer>
  #size = 0

  /** @param announced  how many there will be, where somebody says so */
  constructor(announced: number | undefined) {
    this.#announced = announced
    this.#bytes = untouched(Math.min(announced ?? firstBytes, trustedBytes))
  }

  get size(): number {
    return this.#size
  }

  append(piece: Uint8Array): void {
    const needed = this.#size + piece.byteLength
    if (needed > this.#bytes.length) this.#move(Math.max(needed, this.#announced ?? 2 * this.#bytes.length))
    this.#bytes.set(piece, this.#size)
    this.#size = needed
  }

  /** @returns all of them, in a buffer of their own and of their exact size, so that it can be moved to a thread */
  finish(): Uint8Array<ArrayBuffer> {
    if (this.#size < this.#bytes.length) this.#move(this.#size) // what was not written to may hold anything
    return this.#bytes
  }

  /** Gives the memory back at once; the garbage collector would come later. */
  drop(): void {
    this.#bytes.buffer.transfer(0)
  }

  #move(capacity: number): void {
    const before = this.#bytes
    this.#bytes = untouched(capacity)
    this.#bytes.set(before.subarray(0, this.#size))
    before.buffer.transfer(0)
  }
}

function untouched(length: number): Uint8Array<ArrayBuffer> {
  const { buffer } = Buffer.allocUnsafeSlow(length)
  return new Uint8Array(buffer)
}
