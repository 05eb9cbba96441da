/** Writes numbers and text as CPython's `json.dumps` does: floats as Python's `repr`, nothing but printable ASCII. */
import type { Dtype } from './dtype.ts'
import { roundToHalf } from './float16-array.ts'
import { powersOfTen } from './powers-of-ten.ts'

/** The form of NaN and infinities, which JSON does not have: `null`, or Python's bare tokens. */
export type NonFinite = 'null' | 'literal'

/**
 * @returns what writes an element of a tensor of that type; float16 and float32 as the shortest text that reads back to them
 */
export function elementEncoder(dtype: Dtype, nonFinite: NonFinite): (element: never) => string {
  switch (dtype) {
    case 'string':
      return encodeString
    case 'bool':
      return (flag: number) => (flag ? 'true' : 'false')
    case 'float64':
      return (number: number) => encodeFloat(number, nonFinite)
    case 'float32':
      return (number: number) =>
        Number.isFinite(number) ? pythonFloat(shortestFloat32(number)) : encodeFloat(number, nonFinite)
    case 'float16':
      return (number: number) =>
        Number.isFinite(number) ? pythonFloat(shortestFloat16(number)) : encodeFloat(number, nonFinite)
    default:
      return String
  }
}

export function encodeFloat(number: number, nonFinite: NonFinite): string {
  if (Number.isFinite(number)) return pythonFloat(number)
  if (nonFinite === 'null') return 'null'
  return Number.isNaN(number) ? 'NaN' : number > 0 ? 'Infinity' : '-Infinity'
}

/** Python's `repr(float)`: `.0` on whole numbers, exponents below 1e-4 and from 1e16, of two digits or more. */
export function pythonFloat(number: number): string {
  const size = Math.abs(number)
  if (size !== 0 && (size < 1e-4 || size >= 1e16)) {
    return number.toExponential().replace(/e([+-])(\d)$/, 'e$10$2')
  }
  if (Number.isInteger(number)) return Object.is(number, -0) ? '-0.0' : `${number}.0`
  return String(number)
}

/** The number with the fewest decimal digits that rounds to this float32: 6 to 9 for normal ones (IEEE 754). */
function shortestFloat32(number: number): number {
  const size = Math.abs(number)
  if (size >= 1e-13 && size < 1e6) {
    const found = shortestByScaling(size)
    if (found !== undefined) return number < 0 ? -found : found
  }
  return shortest(number, size < 1.1754943508222875e-38 ? 1 : 6, 9, Math.fround)
}

/**
 * Finds the same number without texts, four times as fast: `digits` digits of the number are a whole number once the point
 * is moved, and a whole number by an exact power of ten is rounded just once, as the text would be.
 *
 * @returns undefined where the product is too near to the middle of two whole numbers to tell, as it is rounded too
 */
function shortestByScaling(size: number): number | undefined {
  const exponent = Math.floor(Math.log10(size))
  for (let digits = 6; digits <= 9; digits++) {
    const power = powersOfTen[digits - 1 - exponent] as number
    const scaled = size * power
    const whole = Math.floor(scaled)
    const rest = scaled - whole
    if (rest > 0.499999 && rest < 0.500001) return undefined
    const shorter = (rest < 0.5 ? whole : whole + 1) / power
    if (Math.fround(shorter) === size) return shorter
  }
  return undefined
}

/** Does the same for float16: 3 to 5 digits. */
function shortestFloat16(number: number): number {
  const fewest = Math.abs(number) < 6.103515625e-5 ? 1 : 3
  return shortest(number, fewest, 5, roundToHalf)
}

function shortest(number: number, fewest: number, most: number, round: (number: number) => number): number {
  if (number === 0) return number // toPrecision would lose the sign
  for (let digits = fewest; digits < most; digits++) {
    const shorter = Number(number.toPrecision(digits))
    if (round(shorter) === number) return shorter
  }
  return Number(number.toPrecision(most))
}

const notPrintableAscii = /[^ -~]/
const allNotPrintableAscii = /[^ -~]/g

export function encodeString(text: string): string {
  const json = JSON.stringify(text)
  if (!notPrintableAscii.test(json)) return json
  return json.replace(allNotPrintableAscii, unit => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
