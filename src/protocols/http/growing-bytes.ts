import { copyBytes } from '../../tensor/copy-bytes.ts'

/** An announced length is only trusted up to this size until as many bytes have arrived. */
const trustedBytes = 2 ** 20
const firstBytes = 16_384

/**
 * Collects bytes as they arrive. Allocated memory that was never written to is not backed by physical memory, so this uses as
 * much as has arrived, except while it is copied to a larger buffer.
 */
export class GrowingBytes {
  readonly #announced: number | undefined
  #bytes: Uint8Array
  #size = 0

  /**
   * @param announced  the announced number of bytes, if any
   * @param shared  memory for as many bytes, which belongs to somebody else
   */
  constructor(announced: number | undefined, shared?: Uint8Array) {
    this.#announced = announced
    this.#bytes = shared ?? untouched(Math.min(announced ?? firstBytes, trustedBytes))
  }

  get size(): number {
    return this.#size
  }

  append(piece: Uint8Array): void {
    const needed = this.#size + piece.byteLength
    if (needed > this.#bytes.length) this.#move(Math.max(needed, this.#announced ?? 2 * this.#bytes.length))
    copyBytes(piece, this.#bytes, this.#size)
    this.#size = needed
  }

  /** @returns all bytes, in the shared memory, or in a buffer of exactly their size that can be transferred to a worker */
  finish(): Uint8Array {
    if (this.#size < this.#bytes.length) this.#move(this.#size) // unwritten memory may hold anything
    return this.#bytes
  }

  /** Frees the memory at once instead of waiting for the garbage collector. */
  drop(): void {
    free(this.#bytes)
  }

  #move(capacity: number): void {
    const before = this.#bytes
    this.#bytes = untouched(capacity)
    copyBytes(before.subarray(0, this.#size), this.#bytes)
    free(before)
  }
}

function free({ buffer }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer) buffer.transfer(0)
}

function untouched(length: number): Uint8Array<ArrayBuffer> {
  const { buffer } = Buffer.allocUnsafeSlow(length)
  return new Uint8Array(buffer)
}
