/** Copies the values of packed columns into tensors. */
import type { TensorInfo } from '../../models/session/model-session.ts'
import { floatMax } from '../../tensor/dtype.ts'
import type { PackedColumns, PackedValues } from '../formats/packed-columns.ts'
import { storeLists } from './packed-lists.ts'
import type { RowTarget } from './row-target.ts'
import type { RowTensors } from './row-tensors.ts'

export interface PackedRange {
  /** Index of the first row, and number of rows. */
  readonly from: number
  readonly count: number
  /** Row of the tensors of the first one. */
  readonly slot: number
  readonly missing: 'nan' | 'error'
}

export interface PackedTargets {
  /** Of the elements of a row, input after input. */
  readonly each: readonly RowTarget[]
  /** Elements of a row of each input. */
  readonly widths: readonly number[]
}

/** @returns undefined where the tensors are not those of the inputs */
export function packedTargets(inputs: readonly TensorInfo[], tensors: RowTensors): PackedTargets | undefined {
  if (tensors.count !== inputs.length) return undefined
  const found = inputs.map(({ name, dtype }) => ({ dtype, tensor: tensors.find(name) }))
  if (!found.every(({ dtype, tensor }) => tensor?.dtype === dtype)) return undefined
  const targets = found.map(({ tensor }) => tensor?.targets ?? [])
  return { each: targets.flat(), widths: targets.map(({ length }) => length) }
}

/** @returns for each row, 1 where it takes more than a copy to read it, or it has a fault */
export function storePacked(packed: PackedColumns, targets: PackedTargets | undefined, range: PackedRange): Uint8Array {
  const { from, count } = range
  const left = new Uint8Array(count)
  const places = targets && cellPlaces(packed, targets)
  if (!targets || !places) return left.fill(1)
  for (const row of packed.tooLarge) if (row >= from && row < from + count) left[row - from] = 1
  for (const values of packed.runs) {
    const { place, count: columns } = values.run
    for (let at = 0; place !== undefined && at < columns; at++) {
      const { first, width } = places[place + at] as CellPlace
      if (values.starts) storeLists(values, targets.each.slice(first, first + width), range, left)
      else new ColumnCopy(packed, values, at, targets.each[first] as RowTarget).store(range, left)
    }
  }
  return left
}

/** The elements that a cell of a row fills. */
interface CellPlace {
  readonly first: number
  readonly width: number
}

/** @returns for each cell of a row; undefined where cells and elements do not correspond */
function cellPlaces(packed: PackedColumns, { each, widths }: PackedTargets): CellPlace[] | undefined {
  const cells = new Map<number, boolean>()
  for (const { run, starts } of packed.runs)
    for (let at = 0; run.place !== undefined && at < run.count; at++) cells.set(run.place + at, starts !== undefined)
  const places: CellPlace[] = []
  let first = 0
  for (const width of widths) {
    // A list fills its input alone.
    const step = cells.get(places.length) ? width : 1
    const end = first + width
    for (; first < end; first += step) places.push({ first, width: step })
  }
  return places.length === cells.size && first === each.length ? places : undefined
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
    const isPlain =
      !this.#nulls && !this.#column.texts && (values instanceof Float32Array || values instanceof Float64Array)
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
      if (this.#hasText(row)) {
        left[at] = 1
        continue
      }
      const value = this.#nulls?.[row] ? null : this.#value(row)
      if (value !== null && !Number.isNaN(value)) {
        if (!storeValue(target, slot + at, value)) left[at] = 1
      } else if (takesMissing) target.storeMissing(slot + at)
      else left[at] = 1
    }
  }

  /** Whether a cell is not stored as a number, though others of the column are. */
  #hasText(row: number): boolean {
    const { run, texts } = this.#column
    return texts !== undefined && run.kind !== 'json' && texts.countBytes(row) > 0
  }

  /** @returns null where it is none of these */
  #value(row: number): string | boolean | number | bigint | null {
    const { run, values, texts } = this.#column
    if (run.kind === 'json') {
      const json = texts?.readText(row) ?? 'null'
      return json.startsWith('"') ? JSON.parse(json) : null
    }
    const value = values[this.#base + row] as number | bigint
    if (run.kind === 'bool') return value === 1
    return run.isFlag ? asFlag(value) : value
  }
}

/** @returns null for numbers that are no flags */
export function asFlag(value: number | bigint): boolean | null {
  if (value === 1 || value === 1n) return true
  return Object.is(value, 0) || value === 0n ? false : null
}

/** @returns false where the type does not hold it, or who reads it as JSON has to say */
export function storeValue(target: RowTarget, row: number, value: string | boolean | number | bigint): boolean {
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
