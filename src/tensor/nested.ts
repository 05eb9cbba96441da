import { InputShapeMismatch, NoRows, ScoringError } from '../errors.ts'
import {
  allocate,
  type BigIntArray,
  type Dtype,
  floatMax,
  integerRange,
  type NumberArray,
  type TensorData,
} from './dtype.ts'
import { type DeclaredShape, elementCount, fits, hasRowAxis, isOpen, type Shape } from './shape.ts'

/**
 * The floats an input takes besides finite numbers. `null`: null, which becomes NaN as in Azure ML. `all`: NaN and infinities
 * as well, which JSON has only as the words that Python writes. Types other than floats never take any.
 */
export type NonFiniteInput = 'none' | 'null' | 'all'

/** More dimensions than any ONNX model uses; bounds how deep a hostile body is followed. */
const maxRank = 32

/**
 * Reads nested arrays, as JSON has them, into what a tensor is made of.
 *
 * @param name      the input, for messages
 * @param declared  shape the model declares; undefined takes the shape the arrays have, as where it declares none
 * @param nested    numbers, booleans or strings nested as deep as the shape is long
 * @param takes     floats besides finite numbers
 * @throws InputShapeMismatch, NoRows, or ScoringError INPUT_RAGGED or INPUT_TYPE_MISMATCH naming the element (never its value)
 */
export function decodeNested(
  name: string,
  dtype: Dtype,
  declared: DeclaredShape | undefined,
  nested: unknown,
  takes: NonFiniteInput = 'none',
): { dtype: Dtype; data: TensorData; shape: Shape } {
  if (declared && declared.length > 0 && !Array.isArray(nested)) {
    const lists = `the model takes lists of shape [${declared.join(', ')}]`
    throw new ScoringError('INPUT_TYPE_MISMATCH', `input "${name}" is ${describeKind(nested)}, ${lists}`)
  }
  const shape = inferShape(nested, declared)
  // A list of plain values may be empty; rows of several are what is to be scored.
  if (shape[0] === 0 && declared && declared.length > 1 && hasRowAxis(declared)) throw new NoRows(name)
  if (declared && !fits(shape, declared)) throw new InputShapeMismatch(name, declared, shape)
  const data = allocate(dtype, elementCount(shape))
  fill(new Element(name, dtype, takes), nested, shape, data)
  return { dtype, data, shape }
}

/**
 * Infers the shape from the first entries; `fill` checks that all others agree. Behind an empty list only the declaration
 * gives sizes.
 */
function inferShape(nested: unknown, declared: DeclaredShape | undefined): Shape {
  const shape: number[] = []
  for (let inner = nested; Array.isArray(inner) && shape.length < maxRank; inner = inner[0]) shape.push(inner.length)
  if (shape.at(-1) !== 0) return shape
  return [...shape, ...(declared ?? []).slice(shape.length).map(size => (isOpen(size) ? 0 : (size as number)))]
}

/** @returns a value's kind for messages, which never show the value itself: `null`, `a list`, `a string` */
export function describeKind(value: unknown): string {
  if (value === null || value === undefined) return String(value)
  if (typeof value === 'number' && !Number.isFinite(value)) return Number.isNaN(value) ? 'NaN' : 'an infinity'
  if (Array.isArray(value)) return 'a list'
  return typeof value === 'object' ? 'an object' : typeof value === 'bigint' ? 'a number' : `a ${typeof value}`
}

/** The element that is being read: its index in the input, and what it must be. */
class Element {
  readonly input: string
  readonly dtype: Dtype
  readonly takes: NonFiniteInput
  readonly index: number[] = []

  constructor(input: string, dtype: Dtype, takes: NonFiniteInput) {
    this.input = input
    this.dtype = dtype
    this.takes = takes
  }

  /** e.g. `data[1][3]` */
  at(...inner: number[]): string {
    return `input "${this.input}"${[...this.index, ...inner].map(i => `[${i}]`).join('')}`
  }

  isNot(expected: string, found: unknown, inner: number): ScoringError {
    const why = isMissing(found) ? this.#whyNotMissing() : ''
    return new ScoringError(
      'INPUT_TYPE_MISMATCH',
      `${this.at(inner)} is ${describeKind(found)}, ${this.dtype} takes ${expected}${why}`,
    )
  }

  #whyNotMissing(): string {
    return this.dtype.startsWith('float')
      ? '; the service takes no missing values ("missing": "error")'
      : '; only floating-point values can be missing'
  }

  outOfRange(why: string, inner: number): ScoringError {
    return new ScoringError('INPUT_TYPE_MISMATCH', `${this.at(inner)} is ${why} for ${this.dtype}`)
  }
}

function fill(element: Element, nested: unknown, shape: Shape, data: TensorData): void {
  if (shape.length === 0) return fillRow(element, [nested], data, 0)
  fillAxis(element, nested as unknown[], shape, 0, data, 0)
}

function fillAxis(
  element: Element,
  list: unknown[],
  shape: Shape,
  axis: number,
  data: TensorData,
  offset: number,
): void {
  if (axis === shape.length - 1) return fillRow(element, list, data, offset)
  const size = shape[axis + 1] as number
  const stride = elementCount(shape.slice(axis + 1))
  for (let index = 0; index < list.length; index++) {
    const inner = list[index]
    if (!Array.isArray(inner)) throw element.isNot(`a list of ${size} there`, inner, index)
    if (inner.length !== size) {
      throw new ScoringError(
        'INPUT_RAGGED',
        `${element.at(index)} has ${inner.length} entries, ${element.at(0)} has ${size}: rows must be equally long`,
      )
    }
    element.index.push(index)
    fillAxis(element, inner, shape, axis + 1, data, offset + index * stride)
    element.index.pop()
  }
}

function fillRow(element: Element, row: unknown[], data: TensorData, offset: number): void {
  const { dtype } = element
  switch (dtype) {
    case 'string':
      return fillStrings(element, row, data as string[], offset)
    case 'bool':
      return fillBooleans(element, row, data as Uint8Array, offset)
    case 'int64':
    case 'uint64':
      return fillBigInts(element, row, data as BigIntArray, offset)
    case 'float16':
    case 'float32':
    case 'float64':
      return fillFloats(element, row, data as NumberArray, offset)
    default:
      return fillIntegers(element, row, data as NumberArray, offset)
  }
}

function fillFloats(element: Element, row: unknown[], data: NumberArray, offset: number): void {
  const max = floatMax[element.dtype] as number
  for (let index = 0; index < row.length; index++) {
    const value = row[index]
    const number = typeof value === 'bigint' ? Number(value) : value
    if (typeof number === 'number' && number <= max && number >= -max) data[offset + index] = number
    else data[offset + index] = readUnusual(element, value, index)
  }
}

/** @returns the number to store for a value that is not between the least and the largest number of its type */
function readUnusual(element: Element, value: unknown, index: number): number {
  const { takes } = element
  if (value === null && takes !== 'none') return Number.NaN
  if (typeof value === 'bigint' || (typeof value === 'number' && !Number.isNaN(value))) {
    // JSON.parse makes infinities of 1e400 and the like.
    if (takes === 'all' && (value === Number.POSITIVE_INFINITY || value === Number.NEGATIVE_INFINITY)) return value
    // A little beyond the largest number is rounded to it.
    const stored = allocate(element.dtype, 1) as NumberArray
    stored[0] = Number(value)
    if (Number.isFinite(stored[0])) return stored[0]
    throw element.outOfRange('too large a number', index)
  }
  if (typeof value === 'number' && takes === 'all') return value
  throw element.isNot('numbers', value, index)
}

function isMissing(value: unknown): boolean {
  return value === null || Number.isNaN(value)
}

function fillIntegers(element: Element, row: unknown[], data: NumberArray, offset: number): void {
  const [min, max] = integerRange[element.dtype] as readonly [number, number]
  for (let index = 0; index < row.length; index++) {
    const value = row[index]
    if (typeof value !== 'number') throw element.isNot('whole numbers', value, index)
    if (!Number.isInteger(value)) throw element.outOfRange('not a whole number', index)
    if (value < min || value > max) throw element.outOfRange(`outside ${min} to ${max}`, index)
    data[offset + index] = value
  }
}

function fillBigInts(element: Element, row: unknown[], data: BigIntArray, offset: number): void {
  const isSigned = element.dtype === 'int64'
  for (let index = 0; index < row.length; index++) {
    const value = row[index]
    if (typeof value !== 'number' && typeof value !== 'bigint') throw element.isNot('whole numbers', value, index)
    if (typeof value === 'number' && !Number.isInteger(value)) throw element.outOfRange('not a whole number', index)
    const whole = BigInt(value)
    if ((isSigned ? BigInt.asIntN(64, whole) : BigInt.asUintN(64, whole)) !== whole) {
      throw element.outOfRange(isSigned ? 'outside -2^63 to 2^63-1' : 'outside 0 to 2^64-1', index)
    }
    data[offset + index] = whole
  }
}

function fillBooleans(element: Element, row: unknown[], data: Uint8Array, offset: number): void {
  for (let index = 0; index < row.length; index++) {
    const value = row[index]
    if (typeof value !== 'boolean') throw element.isNot('true or false', value, index)
    data[offset + index] = value ? 1 : 0
  }
}

function fillStrings(element: Element, row: unknown[], data: string[], offset: number): void {
  for (let index = 0; index < row.length; index++) {
    const value = row[index]
    if (typeof value !== 'string') throw element.isNot('strings', value, index)
    data[offset + index] = value
  }
}
