/** Copies lists of packed columns into tensors. */
import { floatMax } from '../../tensor/dtype.ts'
import type { PackedValues } from '../formats/packed-columns.ts'
import { asFlag, type PackedRange, storeValue } from './packed-rows.ts'
import type { RowTarget } from './row-target.ts'

/**
 * @param targets  of the elements of a row
 * @param left  gets 1 for rows that take more than a copy, or have a fault
 */
export function storeLists(
  { values, starts, texts, run }: PackedValues,
  targets: readonly RowTarget[],
  { from, count, slot, missing }: PackedRange,
  left: Uint8Array,
): void {
  const [target] = targets
  if (!target || !starts) return
  const takesMissing = missing === 'nan' && target.kind === 'float'
  const isPlain = target.kind === 'float' && run.kind !== 'bool' && !isWide(values)
  for (let at = 0; at < count; at++) {
    const start = starts[from + at] as number
    const isList = starts[from + at + 1] === start + targets.length && !(texts && texts.countBytes(from + at) > 0)
    const isStored =
      isList &&
      (isPlain
        ? copyFloats(values as Float64Array, start, { target, row: slot + at, takesMissing })
        : storeEach(values, start, { targets, row: slot + at, run, takesMissing }))
    if (!isStored) left[at] = 1
  }
}

function isWide(values: PackedValues['values']): values is BigInt64Array<ArrayBuffer> | BigUint64Array<ArrayBuffer> {
  return values instanceof BigInt64Array || values instanceof BigUint64Array
}

interface FloatRow {
  /** The first element of the row, which the others follow. */
  readonly target: RowTarget
  readonly row: number
  readonly takesMissing: boolean
}

/** Most lists are of this kind. */
function copyFloats(values: Float64Array, start: number, { target, row, takesMissing }: FloatRow): boolean {
  const { dtype, width, offset } = target
  const data = target.data as Float64Array
  const most = floatMax[dtype] ?? 0
  const to = row * width + offset
  for (let at = 0; at < width; at++) {
    const value = values[start + at] as number
    if (value >= -most && value <= most) data[to + at] = value
    else if (Number.isNaN(value) && takesMissing) data[to + at] = Number.NaN
    else return false
  }
  return true
}

interface EachRow {
  readonly targets: readonly RowTarget[]
  readonly row: number
  readonly run: PackedValues['run']
  readonly takesMissing: boolean
}

function storeEach(
  values: PackedValues['values'],
  start: number,
  { targets, row, run, takesMissing }: EachRow,
): boolean {
  return targets.every((target, at) => {
    const value = values[start + at] as number | bigint
    if (Number.isNaN(value)) {
      if (takesMissing) target.storeMissing(row)
      return takesMissing
    }
    const stored = run.kind === 'bool' ? value === 1 : run.isFlag ? asFlag(value) : value
    return stored !== null && storeValue(target, row, stored)
  })
}
