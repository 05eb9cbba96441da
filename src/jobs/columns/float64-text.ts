import { powersOfTen } from '../../tensor/powers-of-ten.ts'
import { productError } from './exact-product.ts'

const [zero, minus, point] = [0x30, 0x2d, 0x2e]
/** So many digits tell every double from its neighbours. */
const digitCount = 17
const [least, most] = [1e-4, 1e15]
/** Powers of ten from `least` to `most`. */
const tenths = Float64Array.from({ length: 20 }, (_, index) => Number(`1e${index - 4}`))
/** Binary exponent of `least`, in the bits of a double. */
const leastExponent = 1023 - 14
/** Half the distance of a double to its neighbours, by binary exponent from that of `least`. */
const halfDistances = Float64Array.from({ length: 65 }, (_, index) => 2 ** (index - 14 - 53))
/** `00` to `99`. */
const pairs = Uint8Array.from({ length: 200 }, (_, index) => {
  return zero + (index % 2 === 0 ? Math.floor(index / 20) : Math.floor(index / 2) % 10)
})
const double = new Float64Array(1)
const [lowWord, highWord] = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1 ? [0, 1] : [1, 0]
const words = new Int32Array(double.buffer)

/**
 * Writes a double as Python and ECMAScript do: with as few digits as tell it from its neighbours, and as near to it as these can be.
 *
 * The product of a double and a power of ten is exactly the sum of two doubles. So the first 17 digits are known, what is left behind
 * them, and whether the nearest number of 16 digits, or of 15, is nearer to the double than half the way to its neighbours.
 *
 * @param bytes  with room for 32 more
 * @returns where the text ends; -1 where nothing was written, because the number is not an ordinary one
 */
export function writeFloat64(bytes: Uint8Array, start: number, number: number): number {
  const size = number < 0 ? -number : number
  if (!(size >= least && size < most)) return -1
  double[0] = size
  const high = words[highWord] as number
  // The smaller neighbour of a power of two is half as far away as the larger one.
  if (words[lowWord] === 0 && (high & 0xfffff) === 0) return -1
  const exponent = decimalExponent(size)
  const places = digitCount - 1 - exponent
  const power = powersOfTen[places] as number
  const product = size * power
  const error = productError(size, power, product)
  const nearest = Math.round(error)
  const rest = error - nearest
  let first = Math.floor(product / 1e8)
  let last = product - first * 1e8 + nearest
  if (last < 0) {
    last += 1e8
    first--
  }
  const half = (halfDistances[(high >>> 20) - leastExponent] as number) * power
  const whole = last | 0
  const tens = nearestMultiple(10, whole, rest, half)
  const hundreds = tens < 0 ? none : nearestMultiple(100, whole, rest, half)
  if (tens === unknown || hundreds === unknown || (tens === none && Math.abs(rest) === 0.5)) return -1
  if (hundreds >= 0) last = hundreds
  else if (tens >= 0) last = tens
  if (last >= 1e8) {
    last -= 1e8
    first++
  }
  if (first < 1e8 || first >= 1e9) return -1
  let at = start
  if (number < 0) bytes[at++] = minus
  // The digits before the point make room for it afterwards.
  const pointAt = at + (exponent < 0 ? 1 : exponent + 1)
  for (const digitsAt = at + Math.max(1, 1 - exponent); at < digitsAt; at++) bytes[at] = zero
  const leading = (first / 1e8) | 0
  bytes[at] = zero + leading
  writeEight(bytes, at + 1, first - leading * 1e8)
  writeEight(bytes, at + 9, last)
  for (let before = at; before <= pointAt; before++) bytes[before - 1] = bytes[before] as number
  bytes[pointAt] = point
  let end = at + digitCount
  while (bytes[end - 1] === zero && end - 2 > pointAt) end--
  return end
}

/** @returns the power of ten of the first digit of a number from 10^-4 up to 10^15 */
export function decimalExponent(size: number): number {
  let exponent = -4
  while (size >= (tenths[exponent + 5] as number)) exponent++
  return exponent
}

const [none, unknown] = [-1, -2]

/** @returns the multiple that is nearest to `whole + rest`, if it is nearer than `half` */
function nearestMultiple(unit: number, whole: number, rest: number, half: number): number {
  const below = unit * ((whole / unit) | 0)
  const over = whole - below + rest
  // Of two that are equally near, the even one.
  const isBelow = over < unit / 2 || (over === unit / 2 && below % (2 * unit) === 0)
  const distance = isBelow ? Math.abs(over) : unit - over
  if (distance === half) return unknown
  return distance > half ? none : isBelow ? below : below + unit
}

function writeEight(bytes: Uint8Array, at: number, number: number): void {
  const whole = number | 0
  const high = (whole / 10_000) | 0
  writeFour(bytes, at, high)
  writeFour(bytes, at + 4, whole - high * 10_000)
}

function writeFour(bytes: Uint8Array, at: number, number: number): void {
  const high = (number / 100) | 0
  const low = 2 * (number - high * 100)
  bytes[at] = pairs[2 * high] as number
  bytes[at + 1] = pairs[2 * high + 1] as number
  bytes[at + 2] = pairs[low] as number
  bytes[at + 3] = pairs[low + 1] as number
}
