import { allocate, type Dtype, floatMax, integerRange, type TensorData } from '../../tensor/dtype.ts'
import { type CellReading, cellJson } from '../formats/cell-json.ts'

type Kind = 'float' | 'integer' | 'wide' | 'bool' | 'string'

/** One place in each row of a tensor, and what may stand there. Other values are left to those who can say what is wrong. */
export class RowTarget {
  readonly kind: Kind
  readonly dtype: Dtype
  /** `width` elements for each row. */
  readonly data: TensorData
  readonly width: number
  readonly offset: number
  readonly #least: number
  readonly #most: number

  constructor(dtype: Dtype, data: TensorData, { width, offset }: Pick<RowTarget, 'width' | 'offset'>) {
    this.dtype = dtype
    this.data = data
    this.width = width
    this.offset = offset
    this.kind = classify(dtype)
    const most = floatMax[dtype] ?? Number.MAX_SAFE_INTEGER
    const [least, greatest] = integerRange[dtype] ?? [dtype === 'uint64' ? 0 : -most, most]
    this.#least = least
    this.#most = greatest
  }

  /** Stores a finite number. @returns false where the type does not hold it, or only more exactly than a double */
  storeNumber(row: number, value: number): boolean {
    // Not in the range either: numbers that a float only holds after rounding.
    if (!(value >= this.#least && value <= this.#most)) return false
    const index = row * this.width + this.offset
    if (this.kind === 'float') (this.data as Float64Array)[index] = value
    else if (!Number.isInteger(value)) return false
    else if (this.kind === 'integer') (this.data as Int32Array)[index] = value
    else if (this.kind === 'wide') (this.data as BigInt64Array)[index] = BigInt(value)
    else return false
    return true
  }

  /** Stores an integer. @returns false where it is not one of 64 bits that the type holds */
  storeInteger(row: number, value: bigint): boolean {
    const isSame = this.dtype === 'uint64' ? BigInt.asUintN(64, value) === value : BigInt.asIntN(64, value) === value
    if (this.kind !== 'wide' || !isSame) return false
    ;(this.data as BigInt64Array)[row * this.width + this.offset] = value
    return true
  }

  storeMissing(row: number): void {
    ;(this.data as Float64Array)[row * this.width + this.offset] = Number.NaN
  }

  /** @returns false where the type is not that of flags */
  storeFlag(row: number, flag: boolean): boolean {
    if (this.kind !== 'bool') return false
    ;(this.data as Uint8Array)[row * this.width + this.offset] = Number(flag)
    return true
  }

  /** Stores a cell of a CSV. @returns false where the cell does not have the type */
  storeText(row: number, cell: string, reading: CellReading): boolean {
    const index = row * this.width + this.offset
    if (this.kind === 'string') {
      ;(this.data as string[])[index] = cell
      return true
    }
    const json = cellJson(cell, this.dtype, reading)
    if (json === undefined) return false
    if (this.kind === 'bool') {
      ;(this.data as Uint8Array)[index] = Number(json === 'true')
      return true
    }
    const value = Number(json)
    if (this.kind !== 'float' || !/^-?[NI]/.test(json)) return this.storeNumber(row, value)
    ;(this.data as Float64Array)[index] = value
    return true
  }
}

function classify(dtype: Dtype): Kind {
  if (dtype === 'string' || dtype === 'bool') return dtype
  if (dtype.startsWith('float')) return 'float'
  return dtype.endsWith('64') ? 'wide' : 'integer'
}

/** Targets for all elements of a row of a tensor, in order. */
export function rowTargets(dtype: Dtype, rowCount: number, width: number): RowTarget[] {
  const data = allocate(dtype, rowCount * width)
  return Array.from({ length: width }, (_, offset) => new RowTarget(dtype, data, { width, offset }))
}
