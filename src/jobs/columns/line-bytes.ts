/** Writes text as bytes: numbers digit by digit, which spares a string for each. */
import type { Dtype } from '../../tensor/dtype.ts'
import { powersOfTen } from '../../tensor/powers-of-ten.ts'
import { elementEncoder, type NonFinite } from '../../tensor/python-json-elements.ts'
import { decimalExponent, writeFloat64 } from './float64-text.ts'

const [zero, minus, point] = [0x30, 0x2d, 0x2e]
/** More than any number takes. */
const longestNumber = 32

export class LineBytes {
  #bytes: Buffer
  #at = 0

  /** @param expected  about how many bytes there will be */
  constructor(expected: number) {
    this.#bytes = Buffer.from(new ArrayBuffer(Math.max(64, expected)))
  }

  /** What was written; its memory is its own. */
  get written(): Uint8Array {
    return new Uint8Array(this.#bytes.buffer, 0, this.#at)
  }

  literal(bytes: Uint8Array): void {
    this.#reserve(bytes.length)
    const target = this.#bytes
    let at = this.#at
    // Literals are short: a loop is faster than a call of `set`.
    for (let index = 0; index < bytes.length; index++) target[at++] = bytes[index] as number
    this.#at = at
  }

  text(text: string): void {
    this.#reserve(3 * text.length)
    if (text.length > longestNumber || !this.#ascii(text)) this.#at += this.#bytes.write(text, this.#at)
  }

  /** Writes a short text: a loop is faster than a call of `write`. @returns false, having written nothing, where it is not ASCII */
  #ascii(text: string): boolean {
    const target = this.#bytes
    const start = this.#at
    for (let index = 0; index < text.length; index++) {
      const code = text.charCodeAt(index)
      if (code > 0x7f) return false
      target[start + index] = code
    }
    this.#at = start + text.length
    return true
  }

  /** @param number  a whole one, from 0 to 2^53 */
  whole(number: number): void {
    this.#reserve(longestNumber)
    this.#digits(number, countDigits(number))
  }

  /**
   * Writes a float32 as `elementEncoder` does, if it is an ordinary one.
   *
   * @returns false where nothing was written
   */
  float32(number: number): boolean {
    const size = number < 0 ? -number : number
    if (!(size >= 1e-4 && size < 1e6)) return false
    const exponent = decimalExponent(size)
    // Most numbers need eight digits or nine. Of these, `places` are behind the point.
    let places = 7 - exponent
    let whole = shifted(size, places)
    if (whole < 0) return false
    if (Math.fround(whole / (powersOfTen[places] as number)) === size) {
      for (let fewer = places - 1; fewer >= 5 - exponent; fewer--) {
        const shorter = shifted(size, fewer)
        if (shorter < 0) return false
        if (Math.fround(shorter / (powersOfTen[fewer] as number)) !== size) break
        whole = shorter
        places = fewer
      }
    } else {
      whole = shifted(size, ++places)
      if (Math.fround(whole / (powersOfTen[places] as number)) !== size) return false
    }
    while (places > 1 && whole % 10 === 0) {
      whole /= 10
      places--
    }
    this.#reserve(longestNumber)
    if (number < 0) this.#bytes[this.#at++] = minus
    const power = powersOfTen[places] as number
    const before = Math.floor(whole / power)
    this.#digits(before, countDigits(before))
    this.#bytes[this.#at++] = point
    this.#digits(whole - before * power, Math.max(1, places))
    return true
  }

  /**
   * Writes a float64 as `elementEncoder` does, if it is an ordinary one.
   *
   * @returns false where nothing was written
   */
  float64(number: number): boolean {
    this.#reserve(longestNumber)
    const end = writeFloat64(this.#bytes, this.#at, number)
    if (end < 0) return false
    this.#at = end
    return true
  }

  #digits(number: number, count: number): void {
    if (count <= 8) return this.#fewDigits(number, count)
    const high = Math.floor(number / 1e8)
    this.#digits(high, count - 8)
    this.#fewDigits(number - high * 1e8, 8)
  }

  /** @param number  so small that the machine divides it as an integer */
  #fewDigits(number: number, count: number): void {
    const bytes = this.#bytes
    const end = this.#at + count
    let left = number | 0
    for (let at = end - 1; at >= this.#at; at--) {
      const rest = (left / 10) | 0
      bytes[at] = zero + left - 10 * rest
      left = rest
    }
    this.#at = end
  }

  #reserve(count: number): void {
    if (this.#at + count <= this.#bytes.length) return
    const larger = Buffer.from(new ArrayBuffer(2 * this.#bytes.length + count))
    larger.set(this.#bytes.subarray(0, this.#at))
    this.#bytes = larger
  }
}

/** @returns the number with its point moved, rounded; -1 where the product is too near to the middle of two to tell */
function shifted(size: number, places: number): number {
  const scaled = size * (powersOfTen[places] as number)
  const whole = Math.floor(scaled)
  const rest = scaled - whole
  if (rest > 0.499999 && rest < 0.500001) return -1
  return rest < 0.5 ? whole : whole + 1
}

function countDigits(number: number): number {
  let count = 1
  while (count < powersOfTen.length && number >= (powersOfTen[count] as number)) count++
  return count
}

/** @returns what writes an element of a tensor of that type */
export function elementWriter(dtype: Dtype, nonFinite: NonFinite): (bytes: LineBytes, element: never) => void {
  const encode = elementEncoder(dtype, nonFinite)
  if (dtype === 'float32')
    return (bytes, element) => {
      if (!bytes.float32(element)) bytes.text(encode(element))
    }
  if (dtype === 'float64')
    return (bytes, element) => {
      if (!bytes.float64(element)) bytes.text(encode(element))
    }
  return (bytes, element) => bytes.text(encode(element))
}
