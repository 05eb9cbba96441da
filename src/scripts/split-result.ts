import { isDeepStrictEqual } from 'node:util'
import { isTypedArray } from '../tensor/float16-array.ts'
import { concatRows, splitRows } from '../tensor/rows.ts'
import { Tensor } from '../tensor/tensor.ts'
import { TensorList } from '../tensor/tensor-list.ts'
import { isPlainObject } from './plain-object.ts'
import { memberAxes, type RowAxes } from './row-sharing.ts'

/**
 * Splits the value that `run` returned for joined rows into one result per request: a tensor, a list with one entry per row,
 * a `TensorList`, or an object of these.
 *
 * @param rowCounts  rows of each request, in order
 * @param axes  row axes of tensors; absent: the first axis
 * @returns one result per request, or undefined when the value does not have one entry per row
 */
export function splitResult(result: unknown, rowCounts: readonly number[], axes?: RowAxes): unknown[] | undefined {
  const total = rowCounts.reduce((sum, count) => sum + count, 0)
  if (result instanceof Tensor) {
    const axis = typeof axes === 'number' ? axes : 0
    return result.shape[axis] === total ? splitRows(result, rowCounts, axis) : undefined
  }
  if (result instanceof TensorList) {
    const parts = result.tensors.map(each => splitResult(each, rowCounts))
    if (parts.includes(undefined)) return undefined
    return rowCounts.map((_, index) => new TensorList(parts.map(part => part?.[index] as Tensor)))
  }
  if (isList(result)) {
    if (result.length !== total) return undefined
    let start = 0
    return rowCounts.map(count => {
      const rows = result.slice(start, start + count)
      start += count
      return rows
    })
  }
  if (!isPlainObject(result)) return undefined
  const members: [name: string, parts: unknown[]][] = []
  for (const [name, member] of Object.entries(result)) {
    const parts = splitResult(member, rowCounts, memberAxes(axes, name))
    if (!parts) return undefined
    members.push([name, parts])
  }
  // `fromEntries` rather than assignment, because a name may be `__proto__`.
  return rowCounts.map((_, index) => Object.fromEntries(members.map(([name, parts]) => [name, parts[index]])))
}

function isList(value: unknown): value is unknown[] {
  return Array.isArray(value) || isTypedArray(value)
}

/**
 * Joins the values that `run` returned for slices of one request into the value that a single run would return: the inverse
 * of `splitResult`.
 *
 * @param rowCounts  rows of each slice
 * @param axes  row axes of tensors; absent: the first axis
 * @returns undefined when a value does not have one entry per row of its slice, or the values are not alike
 */
export function joinResults(results: readonly unknown[], rowCounts: readonly number[], axes?: RowAxes): unknown {
  const followRows = results.every(
    (result, index) => splitResult(result, [rowCounts[index] as number], axes) !== undefined,
  )
  return followRows ? joined(results, axes) : undefined
}

function joined(results: readonly unknown[], axes: RowAxes | undefined): unknown {
  const [first] = results
  if (first instanceof Tensor) return joinTensors(results, first, typeof axes === 'number' ? axes : 0)
  if (first instanceof TensorList) return joinLists(results, first)
  if (Array.isArray(first)) return results.every(each => Array.isArray(each)) ? results.flat(1) : undefined
  if (isTypedArray(first)) return joinNumbers(results as ArrayLike<number>[])
  const members: [name: string, member: unknown][] = []
  const names = Object.keys(first as object)
  for (const result of results) if (Object.keys(result as object).join('\n') !== names.join('\n')) return undefined
  for (const name of names) {
    const parts = results.map(result => (result as Record<string, unknown>)[name])
    const member = joined(parts, memberAxes(axes, name))
    if (member === undefined) return undefined
    members.push([name, member])
  }
  return Object.fromEntries(members)
}

function joinTensors(results: readonly unknown[], first: Tensor, rowAxis: number): Tensor | undefined {
  const isAlike = (each: unknown): each is Tensor =>
    each instanceof Tensor &&
    each.dtype === first.dtype &&
    each.shape.length === first.shape.length &&
    each.shape.every((size, axis) => axis === rowAxis || size === first.shape[axis]) &&
    isDeepStrictEqual(each.classes, first.classes)
  return results.every(isAlike) ? concatRows(results, rowAxis) : undefined
}

function joinLists(results: readonly unknown[], first: TensorList): TensorList | undefined {
  const isAlike = (each: unknown): each is TensorList =>
    each instanceof TensorList && each.tensors.length === first.tensors.length
  if (!results.every(isAlike)) return undefined
  const joins = first.tensors.map((tensor, at) =>
    joinTensors(
      results.map(({ tensors }) => tensors[at]),
      tensor,
      0,
    ),
  )
  return joins.includes(undefined) ? undefined : new TensorList(joins as Tensor[])
}

/** Joins typed arrays of one type, e.g. `Float32Array`. */
function joinNumbers(results: readonly ArrayLike<number>[]): ArrayLike<number> | undefined {
  const Numbers = (results[0] as Float32Array).constructor as Float32ArrayConstructor
  if (results.some(each => each.constructor !== Numbers)) return undefined
  const all = new Numbers(results.reduce((sum, { length }) => sum + length, 0))
  let offset = 0
  for (const each of results) {
    all.set(each, offset)
    offset += each.length
  }
  return all
}
