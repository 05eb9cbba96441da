import type { BigIntArray } from '../../tensor/dtype.ts'
import { varintAt } from './wire-format.ts'

/** The numbers of a repeated field as a message has them: packed, one by one, or both. */
export class RepeatedNumbers {
  /** Bytes of each number: 4 for `float`, 8 for `double`; all other types of the protocols are varints of 1 to 10 bytes. */
  readonly width: 4 | 8 | 'varint'
  #bytes: Uint8Array = new Uint8Array()
  #size = 0
  #count = 0

  constructor(width: 4 | 8 | 'varint') {
    this.width = width
  }

  /** How many numbers there are. */
  get count(): number {
    return this.#count
  }

  /**
   * For `MessageReader`.
   *
   * @param bytes  whole numbers, one after the other
   * @returns false when one has more than ten bytes
   */
  add(bytes: Uint8Array): boolean {
    if (this.width !== 'varint') this.#count += bytes.length / this.width
    else if (!this.#countVarints(bytes)) return false
    this.#append(bytes)
    return true
  }

  /** The bytes of all numbers: a view on the message where they lie together, as they do as a rule. */
  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#size)
  }

  /** Writes the lower 32 bits of varints, which are all that their types have, into an array with room for all. */
  copyVarints(target: Int32Array | Uint32Array): void {
    const { bytes } = this
    let at = 0
    for (let index = 0; at < bytes.length; index++) {
      let value = (bytes[at] as number) & 127
      for (let shift = 7; (bytes[at++] as number) >= 128; shift += 7)
        if (shift < 32) value |= ((bytes[at] as number) & 127) << shift
      target[index] = value
    }
  }

  /** Writes varints of 64 bits into an array with room for all. */
  copyLongVarints(target: BigIntArray): void {
    const { bytes } = this
    let at = 0
    for (let index = 0; at < bytes.length; index++) {
      target[index] = varintAt(bytes, at)
      while ((bytes[at++] as number) >= 128);
    }
  }

  #countVarints(bytes: Uint8Array): boolean {
    let start = 0
    for (let at = 0; at < bytes.length; at++) {
      if ((bytes[at] as number) >= 128) continue
      if (at - start >= 10) return false
      start = at + 1
      this.#count++
    }
    return true
  }

  /** The first bytes are kept as they are; a view for each of many numbers would take far more memory than the message. */
  #append(bytes: Uint8Array): void {
    const needed = this.#size + bytes.length
    if (this.#size === 0) this.#bytes = bytes
    else {
      if (needed > this.#bytes.length || this.#size === this.#bytes.length) this.#move(2 * needed)
      this.#bytes.set(bytes, this.#size)
    }
    this.#size = needed
  }

  #move(capacity: number): void {
    const before = this.bytes
    this.#bytes = new Uint8Array(capacity)
    this.#bytes.set(before)
  }
}
