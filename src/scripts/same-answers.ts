import { Tensor } from '../tensor/tensor.ts'

/** Allowed difference, relative to the largest value of a member: kernels for several rows add in another order. */
const tolerance = 1e-3
/** The allowed difference for float16. */
const halfTolerance = 5e-2

/** The numbers of one member in all rows. */
interface Pairs {
  readonly tolerance: number
  readonly alone: number[]
  readonly together: number[]
}

/** How much the answers of rows that ran together differ from those of each row alone. */
export type Comparison =
  /** Equal up to rounding: the difference of floating-point numbers is at most `difference`. */
  | { readonly kind: 'same'; readonly difference: number }
  /** `difference` is undefined where something else than numbers differs: texts, integers, shapes. */
  | { readonly kind: 'different'; readonly difference: number | undefined }

/**
 * Compares the answers of rows alone and together. Numbers are compared relative to the largest number in their member of
 * the answers, because a sum near zero has few significant digits. Integer tensors, texts and booleans must be equal; NaN
 * equals NaN.
 *
 * @param alone  the answer of each row run alone
 * @param together  the same rows' parts of the answer for all rows
 * @returns differences relative to the largest number: 1.2e-7 is the last digit of a float32
 */
export function compareAnswers(alone: readonly unknown[], together: readonly unknown[]): Comparison {
  const members = new Map<string, Pairs>()
  const haveSameForm = alone.every((one, row) => collect(one, together[row], '', members))
  if (!haveSameForm) return { kind: 'different', difference: undefined }
  const differences = [...members.values()].map(pairs => ({ ...pairs, difference: largestDifference(pairs) }))
  const difference = differences.reduce((largest, { difference }) => Math.max(largest, difference), 0)
  if (differences.every(member => member.difference <= member.tolerance)) return { kind: 'same', difference }
  return { kind: 'different', difference: Number.isFinite(difference) ? difference : undefined }
}

/** Returns e.g. ` (by up to 1.2e-7 of the largest value)`; empty if the size is not known or 0. */
export function describeDifference(difference: number | undefined): string {
  return difference ? ` (by up to ${Number(difference.toPrecision(2))} of the largest value)` : ''
}

/** Whether the answer has a value other than NaN; answers of NaN alone compare equal whatever the rows do. */
export function saysSomething(result: unknown): boolean {
  if (typeof result !== 'object') return result !== undefined && !Number.isNaN(result)
  const entries =
    result instanceof Tensor ? result.data : ArrayBuffer.isView(result) ? result : Object.values(result ?? {})
  return Array.prototype.some.call(entries, saysSomething)
}

/** @returns false when they differ in more than floating-point numbers */
function collect(one: unknown, other: unknown, path: string, members: Map<string, Pairs>): boolean {
  const pairs = (within: number): Pairs => {
    const known = members.get(path) ?? { tolerance: within, alone: [], together: [] }
    members.set(path, known)
    return known
  }
  if (typeof one !== 'object' || one === null) {
    if (typeof one !== 'number' || typeof other !== 'number') return Object.is(one, other)
    return addFloats([one], [other], pairs(tolerance))
  }
  if (typeof other !== 'object' || other === null) return false
  // Not `constructor`, which may be the name of an output.
  if (Object.getPrototypeOf(other) !== Object.getPrototypeOf(one)) return false
  if (one instanceof Tensor) {
    const { dtype, shape, data } = other as Tensor
    if (one.dtype !== dtype || !areSame(one.shape, shape)) return false
    if (!dtype.startsWith('float')) return areSame(one.data, data)
    return addFloats(one.data, data, pairs(dtype === 'float16' ? halfTolerance : tolerance))
  }
  if (one instanceof Float32Array || one instanceof Float64Array)
    return addFloats(one, other as Float64Array, pairs(tolerance))
  const names = Object.keys(one)
  const at = (value: object, name: string) => (value as Record<string, unknown>)[name]
  // Entries of a list are compared to one largest value.
  const memberPath = (name: string) => (Array.isArray(one) ? `${path}[]` : `${path}.${name}`)
  return (
    names.length === Object.keys(other).length &&
    names.every(
      name => Object.hasOwn(other, name) && collect(at(one, name), at(other, name), memberPath(name), members),
    )
  )
}

function areSame(one: ArrayLike<unknown>, other: ArrayLike<unknown>): boolean {
  return one.length === other.length && Array.prototype.every.call(one, (each, index) => Object.is(each, other[index]))
}

function addFloats(one: ArrayLike<unknown>, other: ArrayLike<unknown>, { alone, together }: Pairs): boolean {
  if (one.length !== other.length) return false
  for (let index = 0; index < one.length; index++) {
    alone.push(one[index] as number)
    together.push(other[index] as number)
  }
  return true
}

/** Returns the largest difference relative to the largest number; infinite where only one of two is a number. */
function largestDifference({ alone, together }: Pairs): number {
  let largest = 0
  for (const value of alone) if (Number.isFinite(value)) largest = Math.max(largest, Math.abs(value))
  return alone.reduce((most, value, index) => {
    const other = together[index] as number
    if (value === other || Object.is(value, other)) return most
    const difference = Math.abs(value - other) / largest
    return Number.isNaN(difference) ? Number.POSITIVE_INFINITY : Math.max(most, difference)
  }, 0)
}
