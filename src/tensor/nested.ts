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

/** An input that nested arrays are read for. */
interface NestedInput {
  /** Its name in messages. */
  readonly name: string
  readonly dtype: Dtype
  /** The shape that the model declares; undefined takes the shape that the arrays have. */
  readonly shape: DeclaredShape | undefined
  /** Floats besides finite numbers; none if absent. */
  readonly takes?: NonFiniteInput | undefined
}

/**
 * Reads nested arrays, as JSON has them, into what a tensor is made of.
 *
 * @param nested  numbers, booleans or strings nested as deep as the shape is long
 * @throws InputShapeMismatch, NoRows, or ScoringError INPUT_RAGGED or INPUT_TYPE_MISMATCH naming the element (never its value)
 */
export function decodeNested(
  nested: unknown,
  { name, dtype, shape: declared, takes = 'none' }: NestedInput,
): { data: TensorData; shape: Shape } {
  if (declared && declared.length > 0 && !Array.isArray(nested)) {
    const lists = `the model takes lists of shape [${declared.join(', ')}]`
    throw new ScoringError('INPUT_TYPE_MISMATCH', `input "${name}" is ${describeKind(nested)}, ${lists}`)
  }
  const shape = inferShape(nested, declared)
  // A list of plain values may be empty; rows of several are what is to be scored.
  if (shape[0] === 0 && declared && declared.length > 1 && hasRowAxis(declared)) throw new NoRows(name)
  if (declared && !fits(shape, declared)) throw new InputShapeMismatch(name, declared, shape)
  const data = allocate(dtype, elementCount(shape))
  const walk = new Walk({ input: name, dtype, takes, shape, data })
  if (shape.length === 0) fillRow(walk, [nested], 0)
  else fillAxis(walk, nested as unknown[], 0, 0)
  return { data, shape }
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

/** A walk over nested arrays: what is filled, and the index of the list that is being read. */
class Walk {
  readonly input: string
  readonly dtype: Dtype
  readonly takes: NonFiniteInput
  readonly shape: Shape
  readonly data: TensorData
  readonly index: number[] = []

  constructor({ input, dtype, takes, shape, data }: Pick<Walk, 'input' | 'dtype' | 'takes' | 'shape' | 'data'>) {
    this.input = input
    this.dtype = dtype
    this.takes = takes
    this.shape = shape
    this.data = data
  }

  /** e.g. `data[1][3]` */
  at(...inner: number[]): string {
    return `input "${this.input}"${[...this.index, ...inner].map(i => `[${i}]`).join('')}`
  }

  isNot(expected: string, found: unknown, inner: number): ScoringError {
    const why = isMissing(found) ? this.#whyNotMissing() : ''
    return new ScoringError(
      'INPUT_TYPE_MISMATCH',
      `${this.at(inner)}: expected ${expected}, got ${describeKind(found)}${why}`,
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

function fillAxis(walk: Walk, list: unknown[], axis: number, offset: number): void {
  const { shape } = walk
  if (axis === shape.length - 1) return fillRow(walk, list, offset)
  const size = shape[axis + 1] as number
  const stride = elementCount(shape.slice(axis + 1))
  for (let index = 0; index < list.length; index++) {
    const inner = list[index]
    if (!Array.isArray(inner)) throw walk.isNot(`a list of ${size}`, inner, index)
    if (inner.length !== size) {
      throw new ScoringError(
        'INPUT_RAGGED',
        `${walk.at(index)} has ${inner.length} entries, ${walk.at(0)} has ${size}: rows must be equally long`,
      )
    }
    walk.index.push(index)
    fillAxis(walk, inner, axis + 1, offset + index * stride)
    walk.index.pop()
  }
}

function fillRow(walk: Walk, row: unknown[], offset: number): void {
  switch (walk.dtype) {
    case 'string':
      return fillStrings(walk, row, offset)
    case 'bool':
      return fillBooleans(walk, row, offset)
    case 'int64':
    case 'uint64':
      return fillBigInts(walk, row, offset)
    case 'float16':
    case 'float32':
    case 'float64':
      return fillFloats(walk, row, offset)
    default:
      return fillIntegers(walk, row, offset)
  }
}

function fillFloats(walk: Walk, row: unknown[], offset: number): void {
  const data = walk.data as NumberArray
  const max = floatMax[walk.dtype] as number
  for (let index = 0; index < row.length; index++) {
    const value = row[index]
    const number = typeof value === 'bigint' ? Number(value) : value
    if (typeof number === 'number' && number <= max && number >= -max) data[offset + index] = number
    else data[offset + index] = readUnusual(walk, value, index)
  }
}

/** @returns the number to store for a value that is not between the least and the largest number of its type */
function readUnusual(walk: Walk, value: unknown, index: number): number {
  const { takes } = walk
  if (value === null && takes !== 'none') return Number.NaN
  if (typeof value === 'bigint' || (typeof value === 'number' && !Number.isNaN(value))) {
    // JSON.parse makes infinities of 1e400 and the like.
    if (takes === 'all' && (value === Number.POSITIVE_INFINITY || value === Number.NEGATIVE_INFINITY)) return value
    // A little beyond the largest number is rounded to it.
    const stored = allocate(walk.dtype, 1) as NumberArray
    stored[0] = Number(value)
    if (Number.isFinite(stored[0])) return stored[0]
    throw walk.outOfRange('too large a number', index)
  }
  if (typeof value === 'number' && takes === 'all') return value
  throw walk.isNot(`a number (${walk.dtype})`, value, index)
}

function isMissing(value: unknown): boolean {
  return value === null || Number.isNaN(value)
}

function fillIntegers(walk: Walk, row: unknown[], offset: number): void {
  const data = walk.data as NumberArray
  const [min, max] = integerRange[walk.dtype] as readonly [number, number]
  for (let index = 0; index < row.length; index++) {
    const value = row[index]
    if (typeof value !== 'number') throw walk.isNot(`a whole number (${walk.dtype})`, value, index)
    if (!Number.isInteger(value)) throw walk.outOfRange('not a whole number', index)
    if (value < min || value > max) throw walk.outOfRange(`outside ${min} to ${max}`, index)
    data[offset + index] = value
  }
}

function fillBigInts(walk: Walk, row: unknown[], offset: number): void {
  const data = walk.data as BigIntArray
  const isSigned = walk.dtype === 'int64'
  for (let index = 0; index < row.length; index++) {
    const value = row[index]
    if (typeof value !== 'number' && typeof value !== 'bigint')
      throw walk.isNot(`a whole number (${walk.dtype})`, value, index)
    if (typeof value === 'number' && !Number.isInteger(value)) throw walk.outOfRange('not a whole number', index)
    const whole = BigInt(value)
    if ((isSigned ? BigInt.asIntN(64, whole) : BigInt.asUintN(64, whole)) !== whole) {
      throw walk.outOfRange(isSigned ? 'outside -2^63 to 2^63-1' : 'outside 0 to 2^64-1', index)
    }
    data[offset + index] = whole
  }
}

function fillBooleans(walk: Walk, row: unknown[], offset: number): void {
  const data = walk.data as Uint8Array
  for (let index = 0; index < row.length; index++) {
    const value = row[index]
    if (typeof value !== 'boolean') throw walk.isNot('true or false', value, index)
    data[offset + index] = value ? 1 : 0
  }
}

function fillStrings(walk: Walk, row: unknown[], offset: number): void {
  const data = walk.data as string[]
  for (let index = 0; index < row.length; index++) {
    const value = row[index]
    if (typeof value !== 'string') throw walk.isNot('a string', value, index)
    data[offset + index] = value
  }
}
