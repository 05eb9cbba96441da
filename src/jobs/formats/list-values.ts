/** Lists of numbers, those of all rows behind each other in one array. */
import type { SchemaElement, SchemaTree } from 'hyparquet'
import type { PackedArray } from './packed-columns.ts'
import type { SchemaGroups } from './parquet-json.ts'

export interface ListValues {
  /** Number of rows. */
  readonly length: number
  /** Where the numbers of each row begin, and where those of the last one end. */
  readonly starts: Uint32Array
  readonly numbers: PackedArray
  /** Values of rows that are not such lists, by row: nulls, lists with nulls, and nested ones of other sizes. They have no numbers. */
  readonly others: ReadonlyMap<number, unknown>
}

/** @returns the values of some rows after those of others */
export function joinLists(parts: readonly ListValues[], Numbers: new (length: number) => PackedArray): ListValues {
  const [only] = parts
  if (only && parts.length === 1) return only
  const length = parts.reduce((sum, part) => sum + part.length, 0)
  const starts = new Uint32Array(length + 1)
  const numbers = new Numbers(parts.reduce((sum, part) => sum + part.numbers.length, 0))
  const others = new Map<number, unknown>()
  let [row, number] = [0, 0]
  for (const part of parts) {
    for (let at = 0; at < part.length; at++) starts[row + at] = number + (part.starts[at] as number)
    for (const [at, value] of part.others) others.set(row + at, value)
    numbers.set(part.numbers as never, number)
    row += part.length
    number += part.numbers.length
  }
  starts[length] = number
  return { length, starts, numbers, others }
}

/** @returns rows of a list column, which share its numbers */
export function sliceLists({ starts, numbers, others }: ListValues, from: number, to: number): ListValues {
  const first = starts[from] as number
  return {
    length: to - from,
    starts: starts.slice(from, to + 1).map(start => start - first),
    numbers: numbers.subarray(first, starts[to]),
    others: new Map([...others].flatMap(([row, value]) => (row >= from && row < to ? [[row - from, value]] : []))),
  }
}

/** @returns the same rows, some of them without numbers */
export function emptyLists(lists: ListValues, isEmpty: (row: number) => boolean): ListValues {
  const starts = new Uint32Array(lists.length + 1)
  const numbers = lists.numbers.slice()
  for (let row = 0; row < lists.length; row++) {
    const kept = starts[row] as number
    const [from, to] = [
      lists.starts[row] as number,
      isEmpty(row) ? (lists.starts[row] as number) : (lists.starts[row + 1] as number),
    ]
    numbers.copyWithin(kept, from, to)
    starts[row + 1] = kept + to - from
  }
  return { ...lists, starts, numbers: numbers.subarray(0, starts[lists.length]) }
}

/** The elements of the innermost lists of a column, and how many levels of lists it has. */
export interface ListLevels {
  readonly leaf: SchemaElement
  readonly depth: number
}

/** @returns undefined for columns of other values than lists of single values */
export function listLevels(column: SchemaTree, groups: SchemaGroups): ListLevels | undefined {
  // Outside a list, a repeated field is a list itself.
  if (column.children.length === 0)
    return column.element.repetition_type === 'REPEATED' ? { leaf: asRequired(column), depth: 1 } : undefined
  let [node, depth] = [column, 0]
  while (groups.isListLike(node)) {
    const inner = node.children[0] as SchemaTree
    const [element] = inner.children
    depth++
    if (!element) return { leaf: asRequired(inner), depth }
    if (element.element.repetition_type === 'REPEATED') return undefined
    node = element
  }
  return depth > 0 && node.children.length === 0 ? { leaf: node.element, depth } : undefined
}

function asRequired({ element }: SchemaTree): SchemaElement {
  return { ...element, repetition_type: 'REQUIRED' }
}
