import { splitRows } from '../tensor/rows.ts'
import { Tensor } from '../tensor/tensor.ts'
import { TensorList } from '../tensor/tensor-list.ts'
import { memberAxes, type RowAxes } from './row-sharing.ts'

/**
 * Cuts what `run` returned for joined rows into one result per request: a tensor, a list with an entry per row, a
 * `TensorList`, or an object of such.
 *
 * @param rowCounts  rows of each request, in order
 * @param axes  where tensors have their rows; absent: on the first axis
 * @returns one result per request, or undefined when the result does not follow the rows
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
  // Not by assignment: a name may be `__proto__`.
  return rowCounts.map((_, index) => Object.fromEntries(members.map(([name, parts]) => [name, parts[index]])))
}

function isList(value: unknown): value is unknown[] {
  return Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView))
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && [Object.prototype, null].includes(Object.getPrototypeOf(value))
}
