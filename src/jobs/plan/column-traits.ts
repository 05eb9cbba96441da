/** How the columns of a Parquet file are stored in chunks, which their schema tells. */
import type { SchemaElement, SchemaTree } from 'hyparquet'
import { listLevels } from '../formats/list-values.ts'
import type { ColumnTraits } from '../formats/packed-columns.ts'
import { decimalScale, isDecimal, leafDtype, type SchemaGroups } from '../formats/parquet-json.ts'
import type { RowShape } from '../formats/row-shape.ts'

type WholeInput = RowShape['cells'][number]['whole']

/** What the rows of a job do with a column. */
interface ColumnUse {
  /** Whether an input takes it; otherwise it is only copied to the output. */
  readonly isTaken: boolean
  /** Whether rows are records, of which values are copied to the output as they stand in the file. */
  readonly isRecord: boolean
  /** Whether it is copied to the output. */
  readonly isIncluded: boolean
  /** The input that it fills alone, if its values may be lists. */
  readonly whole: WholeInput
}

/** @returns how values of a column are stored; undefined: not by themselves */
export function columnTraits(
  column: SchemaTree,
  groups: SchemaGroups,
  { isTaken, isRecord, isIncluded, whole }: ColumnUse,
): ColumnTraits | undefined {
  const lists = listLevels(column, groups)
  if (lists && (!isTaken || whole)) {
    const traits = leafDtype(lists.leaf) === 'uint8' ? ({ kind: 'uint8' } as const) : leafTraits(lists.leaf)
    const list = listSizes(lists.depth, whole, isRecord)
    if (traits && traits.kind !== 'json' && list) return { ...traits, list }
  }
  if (column.children.length > 0 || lists) return isTaken || !isShallow(column) ? undefined : { kind: 'json' }
  const { element } = column
  // As text, they keep their zeros in the output.
  if (isTaken && !isIncluded && isDecimal(element)) {
    const scale = decimalScale(element)
    if (scale >= 0 && scale <= maxExactPower) return { kind: 'float64', scale }
  }
  return leafTraits(element)
}

/** 10^22 is the last power of ten that a double holds. */
const maxExactPower = 22

/** @returns undefined for nested lists whose sizes the input leaves open */
function listSizes(depth: number, input: WholeInput, isRecord: boolean): readonly number[] | undefined {
  const sizes = input?.shape?.slice(1) ?? []
  if (depth === 1 && (isRecord || sizes.length < 2)) return []
  const isFixed = sizes.every((size): size is number => typeof size === 'number' && size > 0)
  // A flat list is nested as the input is.
  return (depth === 1 || sizes.length === depth) && isFixed ? sizes : undefined
}

function leafTraits(element: SchemaElement): ColumnTraits | undefined {
  const { type } = element
  const dtype = leafDtype(element)
  if (dtype === 'bool' || dtype === 'float32' || dtype === 'float64') return { kind: dtype }
  if (dtype === 'float16') return { kind: 'float32' }
  if (type === 'INT32' && dtype) return { kind: dtype.startsWith('u') ? 'uint32' : 'int32' }
  if (type === 'INT64' && dtype) return { kind: dtype.startsWith('u') ? 'uint64' : 'int64' }
  return type === undefined || isJson(element) ? undefined : { kind: 'json' }
}

/** Text that is JSON itself may be nested too deep, which only its row tells. */
function isJson({ converted_type: converted, logical_type: logical }: SchemaElement): boolean {
  return converted === 'JSON' || logical?.type === 'JSON'
}

function isShallow({ element, children }: SchemaTree, levels = 0): boolean {
  return levels < maxLevels && !isJson(element) && children.every(child => isShallow(child, levels + 1))
}

/** Of groups in a row; each is one level of its JSON at most. */
const maxLevels = 100
