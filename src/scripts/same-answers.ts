import { Tensor } from '../tensor/tensor.ts'

/** By how much of its member's largest value a number may differ: kernels for many rows add up in another order. */
const tolerance = 1e-3
/** The same for float16. */
const halfTolerance = 5e-2

/** The numbers of one member, over all rows. */
interface Pairs {
  readonly tolerance: number
  readonly alone: number[]
  readonly together: number[]
}

/**
 * Whether rows got the same answers in company as alone, but for rounding. Numbers are held against the largest that
 * their member of the answers has: a sum near zero has few digits of its own. Integer tensors, texts and booleans are to
 * be the same; NaN is the same as NaN.
 *
 * @param alone  what `run` returned for each row
 * @param together  the same rows' parts of what it returned for all
 */
export function areSameAnswers(alone: readonly unknown[], together: readonly unknown[]): boolean {
  const members = new Map<string, Pairs>()
  const haveSameForm = alone.every((one, row) => collect(one, together[row], '', members))
  return haveSameForm && [...members.values()].every(isClose)
}

/** It has a value besides NaN, which is the same as NaN however rows mix. */
export function saysSomething(result: unknown): boolean {
  if (typeof result !== 'object') return result !== undefined && !Number.isNaN(result)
  const entries =
    result instanceof Tensor ? result.data : ArrayBuffer.isView(result) ? result : Object.values(result ?? {})
  return Array.prototype.some.call(entries, saysSomething)
}

/** @returns false when they differ in more than floating-point numbers */
function collect(one: unknown, other: unknown, path: string, members: Map<string, Pairs>): boolean {
  if (typeof one !== 'object' || one === null) {
    if (typeof one !== 'number' || typeof other !== 'number') return Object.is(one, other)
    return addFloats([one], [other], tolerance, path, members)
  }
  if (typeof other !== 'object' || other?.constructor !== one.constructor) return false
  if (one instanceof Tensor) {
    const { dtype, shape, data } = other as Tensor
    if (one.dtype !== dtype || !areSame(one.shape, shape)) return false
    if (!dtype.startsWith('float')) return areSame(one.data, data)
    return addFloats(one.data, data, dtype === 'float16' ? halfTolerance : tolerance, path, members)
  }
  if (one instanceof Float32Array || one instanceof Float64Array)
    return addFloats(one, other as Float64Array, tolerance, path, members)
  const names = Object.keys(one)
  const at = (value: object, name: string) => (value as Record<string, unknown>)[name]
  // Entries of lists are alike: they have one largest value.
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

function addFloats(
  one: ArrayLike<unknown>,
  other: ArrayLike<unknown>,
  within: number,
  path: string,
  members: Map<string, Pairs>,
): boolean {
  if (one.length !== other.length) return false
  const pairs = members.get(path) ?? { tolerance: within, alone: [], together: [] }
  members.set(path, pairs)
  for (let index = 0; index < one.length; index++) {
    pairs.alone.push(one[index] as number)
    pairs.together.push(other[index] as number)
  }
  return true
}

function isClose({ tolerance, alone, together }: Pairs): boolean {
  let largest = 0
  for (const value of alone) if (Number.isFinite(value)) largest = Math.max(largest, Math.abs(value))
  return alone.every((value, index) => {
    const other = together[index] as number
    return value === other || Object.is(value, other) || Math.abs(value - other) <= tolerance * largest
  })
}
