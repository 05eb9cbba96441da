/** Reads numbers from bytes of text, each as `Number` would read the same text. */
import { powersOfTen } from '../../tensor/powers-of-ten.ts'
import { productError } from './exact-product.ts'

const [zero, nine, minus, plus, point] = [0x30, 0x39, 0x2d, 0x2b, 0x2e]
/** So many digits are exact in a double: 10^15 < 2^53. */
const exactDigits = 15
/** Further digits that are taken exactly. The shortest text of a double has two at most. */
const moreDigits = 4
const maxPower = 22

/** Reads one number after the other. The last value is a field, because an object for each would cost more than to read it. */
export class NumberText {
  value = 0
  readonly #bytes: Buffer

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  /**
   * Reads a number in JSON's spelling (RFC 8259, section 6) into `value`.
   *
   * @returns where it ends; -1 where none begins at `start`
   */
  read(start: number): number {
    const bytes = this.#bytes
    const isNegative = bytes[start] === minus
    const wholeStart = isNegative ? start + 1 : start
    let at = wholeStart
    let byte = bytes[at] as number
    if (byte === zero) {
      byte = bytes[++at] as number
      if (byte >= zero && byte <= nine) return -1
    }
    // Leading zeros do not count among the digits that are exact.
    let limit = at + exactDigits
    let value = 0
    let more = 0
    let moreCount = 0
    for (; byte >= zero && byte <= nine && at < limit; byte = bytes[++at] as number) value = value * 10 + (byte - zero)
    for (; byte >= zero && byte <= nine; byte = bytes[++at] as number)
      if (moreCount++ < moreDigits) more = more * 10 + (byte - zero)
    if (at === wholeStart) return -1
    let exponent = 0
    if (byte === point) {
      const fractionStart = ++at
      byte = bytes[at] as number
      limit++
      if (value === 0) {
        while (byte === zero) byte = bytes[++at] as number
        limit = at + exactDigits
      }
      for (; byte >= zero && byte <= nine && at < limit; byte = bytes[++at] as number)
        value = value * 10 + (byte - zero)
      for (; byte >= zero && byte <= nine; byte = bytes[++at] as number)
        if (moreCount++ < moreDigits) more = more * 10 + (byte - zero)
      if (at === fractionStart) return -1
      exponent = fractionStart - at
    }
    // Most numbers are of this kind: both are exact, so their quotient is rounded just once.
    if (moreCount === 0 && byte !== 0x65 && byte !== 0x45 && exponent >= -maxPower) {
      const size = exponent === 0 ? value : value / (powersOfTen[-exponent] as number)
      this.value = isNegative ? -size : size
      return at
    }
    if (byte === 0x65 || byte === 0x45) {
      const sign = bytes[++at]
      if (sign === minus || sign === plus) at++
      const exponentStart = at
      let written = 0
      for (byte = bytes[at] as number; byte >= zero && byte <= nine; byte = bytes[++at] as number)
        written = Math.min(written * 10 + (byte - zero), 100_000)
      if (at === exponentStart) return -1
      exponent += sign === minus ? -written : written
    }
    const size =
      moreCount === 0
        ? scaled(value, exponent)
        : moreCount <= moreDigits
          ? quotient(value, more, moreCount, exponent)
          : undefined
    if (size === undefined) this.value = Number(bytes.toString('latin1', start, at))
    else this.value = isNegative ? -size : size
    return at
  }
}

/** A whole number of 15 digits and a power of ten are exact, so their product or quotient is rounded just once. */
function scaled(value: number, exponent: number): number | undefined {
  if (exponent === 0) return value
  if (exponent < 0) return exponent >= -maxPower ? value / (powersOfTen[-exponent] as number) : undefined
  return exponent <= maxPower ? value * (powersOfTen[exponent] as number) : undefined
}

/**
 * Divides a whole number of 16 to 19 digits, in two parts, by a power of ten, with twice the digits of a double.
 *
 * @returns undefined where even so many do not tell how the quotient is rounded
 */
function quotient(first: number, rest: number, restDigits: number, exponent: number): number | undefined {
  if (exponent > 0 || exponent < -maxPower) return undefined
  const shift = powersOfTen[restDigits] as number
  const shifted = first * shift
  const whole = shifted + rest
  const added = whole - shifted
  const wholeError = productError(first, shift, shifted) + (shifted - (whole - added) + (rest - added))
  const divisor = powersOfTen[-exponent] as number
  const high = whole / divisor
  const back = high * divisor
  const low = (whole - back - productError(high, divisor, back) + wholeError) / divisor
  const doubt = high * 2 ** -95
  const size = high + (low + doubt)
  return size === high + (low - doubt) ? size : undefined
}
