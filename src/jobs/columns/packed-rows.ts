/** Copies the values of packed columns into tensors. */
import type { TensorInfo } from '../../models/session/model-session.ts'
import { floatMax } from '../../tensor/dtype.ts'
import type { PackedColumns, PackedValues } from '../formats/packed-columns.ts'
import type { RowTarget } from './row-target.ts'
import type { RowTensors } from './row-tensors.ts'

interface PackedRange {
  /** Index of the first row, and number of rows. */
  readonly from: number
  readonly count: number
  /** Row of the tensors of the first one. */
  readonly slot: number
  readonly missing: 'nan' | 'error'
}

/** @returns the targets of the cells of a row, in order; undefined where there is not one for each value */
export function packedTargets(inputs: readonly TensorInfo[], tensors: RowTensors): RowTarget[] | undefined {
  if (tensors.count !== inputs.length) return undefined
  const found = inputs.map(({ name, dtype }) => ({ dtype, tensor: tensors.find(name) }))
  if (!found.every(({ dtype, tensor }) => tensor?.dtype === dtype)) return undefined
  return found.flatMap(({ tensor }) => tensor?.targets ?? [])
}

/** @returns for each row, 1 where it takes more than a copy to read it, or it has a fault */
export function storePacked(
  packed: PackedColumns,
  targets: readonly RowTarget[] | undefined,
  range: PackedRange,
): Uint8Array {
  const { from, count } = range
  const left = new Uint8Array(count)
  const taken = packed.runs.flatMap(({ run }) => (run.place === undefined ? [] : [run.place + run.count]))
  if (Math.max(...taken) !== targets?.length) return left.fill(1)
  for (const row of packed.tooLarge) if (row >= from && row < from + count) left[row - from] = 1
  for (const values of packed.runs) {
    const { place, count: columns } = values.run
    for (let at = 0; place !== undefined && at < columns; at++)
      new ColumnCopy(packed, values, at, targets[place + at] as RowTarget).store(range, left)
  }
  return left
}

/** The copy of one column to one place of the rows. */
class ColumnCopy {
  readonly #column: PackedValues
  readonly #target: RowTarget
  readonly #nulls: Uint8Array | undefined
  /** Index of the first value. */
  readonly #base: number

  constructor(packed: PackedColumns, column: PackedValues, at: number, target: RowTarget) {
    this.#column = column
    this.#target = target
    this.#nulls = packed.nulls(column.first + at)
    this.#base = at * packed.rowCount
  }

  store(range: PackedRange, left: Uint8Array): void {
    const { values } = this.#column
    const { dtype } = this.#target
    const isPlain = !this.#nulls && (values instanceof Float32Array || values instanceof Float64Array)
    if (isPlain && (dtype === 'float32' || dtype === 'float64')) this.#copyFloats(values, range, left)
    else this.#storeEach(range, left)
  }

  /** Most columns are of this kind. */
  #copyFloats(
    values: Float32Array | Float64Array,
    { from, count, slot, missing }: PackedRange,
    left: Uint8Array,
  ): void {
    const { dtype, width, offset } = this.#target
    const data = this.#target.data as Float64Array
    const most = floatMax[dtype] ?? 0
    const start = this.#base + from
    let to = slot * width + offset
    for (let at = 0; at < count; at++, to += width) {
      const value = values[start + at] as number
      if (value >= -most && value <= most) data[to] = value
      else if (Number.isNaN(value) && missing === 'nan') data[to] = Number.NaN
      else left[at] = 1
    }
  }

  #storeEach({ from, count, slot, missing }: PackedRange, left: Uint8Array): void {
    const target = this.#target
    const takesMissing = missing === 'nan' && target.kind === 'float'
    for (let at = 0; at < count; at++) {
      const row = from + at
      const value = this.#nulls?.[row] ? null : this.#value(row)
      if (value !== null && !Number.isNaN(value)) {
        if (!storeValue(target, slot + at, value)) left[at] = 1
      } else if (takesMissing) target.storeMissing(slot + at)
      else left[at] = 1
    }
  }

  /** @returns null where it is none of these */
  #value(row: number): string | boolean | number | bigint | null {
    const { run, values, text } = this.#column
    if (run.kind === 'json') {
      const json = text.toString('utf8', Number(values[row]), Number(values[row + 1]))
      return json.startsWith('"') ? JSON.parse(json) : null
    }
    const value = values[this.#base + row] as number | bigint
    if (run.kind === 'bool') return value === 1
    return run.isFlag ? asFlag(value) : value
  }
}

/** @returns null for numbers that are no flags */
function asFlag(value: number | bigint): boolean | null {
  if (value === 1 || value === 1n) return true
  return Object.is(value, 0) || value === 0n ? false : null
}

/** @returns false where the type does not hold it, or who reads it as JSON has to say */
function storeValue(target: RowTarget, row: number, value: string | boolean | number | bigint): boolean {
  switch (typeof value) {
    case 'string':
      return target.kind === 'string' && target.storeText(row, value, {})
    case 'boolean':
      return target.storeFlag(row, value)
    case 'number':
      return target.kind !== 'bool' && target.storeNumber(row, value)
    case 'bigint':
      return target.kind === 'wide' ? target.storeInteger(row, value) : target.storeNumber(row, Number(value))
  }
}
