/**
 * JSON text as CPython's `json.dumps` writes it, because Azure ML's clients and recorded answers compare it:
 * separators `", "` and `": "`, everything outside printable ASCII escaped, floats as Python's `repr`.
 */
import { Tensor } from './tensor.ts'
import { TensorList } from './tensor-list.ts'

/** What becomes of NaN and infinities, which JSON cannot write: `null`, or Python's bare tokens. */
export type NonFinite = 'null' | 'literal'

/** Deeper answers are cycles in all likelihood; Python gives up at about the same depth. */
const maxDepth = 1000

/**
 * @param value  anything an entry script may return: JSON values, BigInt, tensors, typed arrays, objects with `toJSON`,
 *               and what JSON.rawJSON makes, which is written as it is
 * @throws TypeError naming what cannot be written (functions, symbols, cycles)
 */
export function encode(value: unknown, nonFinite: NonFinite = 'null'): string {
  return encodeValue(value, nonFinite, 0)
}

function encodeValue(value: unknown, nonFinite: NonFinite, depth: number): string {
  if (depth > maxDepth) throw new TypeError(`the answer is nested deeper than ${maxDepth} levels, or contains itself`)
  switch (typeof value) {
    case 'string':
      return encodeString(value)
    case 'number':
      return Number.isInteger(value) ? String(value) : encodeFloat(value, nonFinite)
    case 'bigint':
      return String(value)
    case 'boolean':
      return value ? 'true' : 'false'
    case 'undefined':
      return 'null'
    case 'object':
      return value === null ? 'null' : encodeObject(value, nonFinite, depth)
    default:
      throw new TypeError(`a ${typeof value} cannot be written as JSON`)
  }
}

/** Objects without members of their own, which would become `{}` without a word. */
const unwritable = [Promise, ArrayBuffer, SharedArrayBuffer, DataView, Blob, WeakMap, WeakSet, WeakRef, Error, RegExp]

/** TypeScript does not know it yet (ECMAScript proposal, source text access). */
const { isRawJSON: isRawJson } = JSON as unknown as { isRawJSON(value: object): value is { rawJSON: string } }

/** Maps, sets, generators, streams: there is more in them than their members. */
function isIterable(value: object): boolean {
  return Symbol.iterator in value || Symbol.asyncIterator in value
}

function encodeObject(value: object, nonFinite: NonFinite, depth: number): string {
  if (value instanceof Tensor) return encodeTensor(value, nonFinite)
  if (value instanceof TensorList) return `[${value.tensors.map(each => encodeTensor(each, nonFinite)).join(', ')}]`
  // Array.from sees the holes of a sparse list, map does not.
  if (Array.isArray(value))
    return `[${Array.from(value, entry => encodeValue(entry, nonFinite, depth + 1)).join(', ')}]`
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) return encodeTypedArray(value, nonFinite)
  if ('toJSON' in value && typeof value.toJSON === 'function') return encodeValue(value.toJSON(), nonFinite, depth + 1)
  if (isIterable(value) || unwritable.some(type => value instanceof type)) {
    throw new TypeError(`a ${value.constructor?.name ?? 'generator'} cannot be written as JSON`)
  }
  if ('rawJSON' in value && isRawJson(value)) return value.rawJSON
  const members: string[] = []
  for (const [key, member] of Object.entries(value)) {
    if (member !== undefined) members.push(`${encodeString(key)}: ${encodeValue(member, nonFinite, depth + 1)}`)
  }
  return `{${members.join(', ')}}`
}

/** Numbers as those of a tensor of the same type. */
function encodeTypedArray(view: ArrayBufferView, nonFinite: NonFinite): string {
  const encodeElement = elementEncoder(floatTypes.get(view.constructor) ?? 'int64', nonFinite)
  return `[${Array.from(view as Uint8Array, entry => encodeElement(entry as never)).join(', ')}]`
}

const floatTypes = new Map<unknown, Tensor['dtype']>([
  [Float64Array, 'float64'],
  [Float32Array, 'float32'],
])
// Node.js 22 has no Float16Array.
if (typeof Float16Array === 'function') floatTypes.set(Float16Array, 'float16')

/**
 * Nested lists, row-major, as `ndarray.tolist()` gives them; float32 as the shortest text that reads back to it. The last
 * axis is an object where its entries have names.
 */
function encodeTensor({ dtype, shape, data, classes }: Tensor, nonFinite: NonFinite): string {
  const encodeElement = elementEncoder(dtype, nonFinite)
  const keys = classes?.map(encodeString)
  let next = 0
  const encodeAxis = (axis: number): string => {
    if (axis === shape.length) return encodeElement(data[next++] as never)
    if (keys && axis === shape.length - 1)
      return `{${keys.map(key => `${key}: ${encodeElement(data[next++] as never)}`).join(', ')}}`
    const entries: string[] = []
    for (let index = 0; index < (shape[axis] as number); index++) entries.push(encodeAxis(axis + 1))
    return `[${entries.join(', ')}]`
  }
  return encodeAxis(0)
}

function elementEncoder(dtype: Tensor['dtype'], nonFinite: NonFinite): (element: never) => string {
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

function encodeFloat(number: number, nonFinite: NonFinite): string {
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

/** Powers of ten that a double holds exactly. */
const powersOfTen = Array.from({ length: 23 }, (_, exponent) => Number(`1e${exponent}`))

/**
 * The same without texts, four times as fast: `digits` digits of the number are a whole number once the point is moved,
 * and a whole number by an exact power of ten is rounded just once, as the text would be.
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

/** As above for float16: 3 to 5 digits. */
function shortestFloat16(number: number): number {
  const fewest = Math.abs(number) < 6.103515625e-5 ? 1 : 3
  return shortest(number, fewest, 5, Math.f16round)
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

function encodeString(text: string): string {
  const json = JSON.stringify(text)
  if (!notPrintableAscii.test(json)) return json
  return json.replace(allNotPrintableAscii, unit => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
