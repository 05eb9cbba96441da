/** Makes rows of the levels that Parquet stores with the values of lists (parquet-format, README, "Nested Encoding"). */
import type { DecodedArray, SchemaTree } from 'hyparquet'
import type { ListValues } from '../formats/list-values.ts'
import { type ColumnTraits, type PackedArray, packedArrays } from '../formats/packed-columns.ts'
import { fault } from '../formats/parquet-file.ts'
import { float16 } from '../formats/parquet-values.ts'
import type { ColumnPage } from './parquet-pages.ts'

/** A column of lists. */
export interface ListPath {
  readonly column: SchemaTree
  /** From the root of the schema to the values. */
  readonly schemaPath: readonly SchemaTree[]
  readonly traits: ColumnTraits
  readonly assemble: typeof import('hyparquet/src/assemble.js')
}

/** Entries of a page: values, and what stands for nulls and empty lists. */
interface EntryRange {
  readonly from: number
  readonly to: number
  /** How many values the entries before have. */
  readonly firstValue: number
}

export class ListRows {
  readonly Numbers: new (
    length: number,
  ) => PackedArray
  readonly #path: ListPath
  /** The level of an entry that is a value. */
  readonly #defined: number
  /** Numbers of a row; undefined: any. */
  readonly #count: number | undefined
  /** The repetition levels of a row of nested lists; undefined: lists are flat. */
  readonly #levels: Uint8Array | undefined

  constructor(path: ListPath) {
    const { schemaPath, traits } = path
    const levels = schemaPath.slice(1).filter(({ element }) => element.repetition_type !== 'REQUIRED')
    this.Numbers = packedArrays[traits.kind as keyof typeof packedArrays] as ListRows['Numbers']
    this.#path = path
    this.#defined = levels.length
    const { list = [] } = traits
    this.#count = list.length > 0 ? list.reduce((product, size) => product * size, 1) : undefined
    const depth = levels.filter(({ element }) => element.repetition_type === 'REPEATED').length
    this.#levels = depth > 1 ? repetitionLevels(list) : undefined
  }

  /** @returns the rows of some entries, the first of which begins one */
  make(page: ColumnPage, { from, to, firstValue }: EntryRange): ListValues {
    const { repetitions } = page
    const numbers = this.#readNumbers(page).subarray(firstValue)
    const others = new Map<number, unknown>()
    const starts = new Uint32Array(countRows(repetitions, from, to) + 1)
    let [row, kept, value] = [0, 0, 0]
    for (let at = from; at < to; row++) {
      starts[row] = kept
      const end = endOfRow(repetitions, at, to)
      const count = this.countValues(page, at, end)
      if (count === end - at && this.#hasSizes(repetitions, at, end)) {
        if (kept !== value) numbers.copyWithin(kept, value, value + count)
        kept += count
      } else others.set(row, this.#assemble(page, { from: at, to: end, firstValue: firstValue + value }))
      value += count
      at = end
    }
    starts[row] = kept
    return { length: row, starts, numbers: numbers.subarray(0, kept), others }
  }

  /** @returns how many of some entries are values */
  countValues({ definitions }: ColumnPage, from: number, to: number): number {
    if (definitions.length === 0) return to - from
    let count = 0
    for (let at = from; at < to; at++) if (definitions[at] === this.#defined) count++
    return count
  }

  /** @returns some entries by themselves */
  take(page: ColumnPage, { from, to, firstValue }: EntryRange): OpenRow {
    const { repetitions, definitions, values, dictionary } = page
    const own = values.slice(firstValue, firstValue + this.countValues(page, from, to))
    const entries = Array.from<unknown>(own)
    return {
      repetitions: repetitions.slice(from, to),
      definitions: definitions.length > 0 ? definitions.slice(from, to) : new Array(to - from).fill(this.#defined),
      values: dictionary ? entries.map(index => dictionary[index as number]) : entries,
      dictionary: undefined,
    }
  }

  #hasSizes(repetitions: readonly number[], from: number, to: number): boolean {
    const levels = this.#levels
    if (this.#count !== undefined && to - from !== this.#count) return false
    if (!levels) return true
    for (let at = 1; at < levels.length; at++) if (repetitions[from + at] !== levels[at]) return false
    return true
  }

  #assemble(page: ColumnPage, range: EntryRange): unknown {
    const { column, schemaPath, assemble } = this.#path
    const { repetitions, definitions, values } = this.take(page, range)
    const path = [...schemaPath]
    const lists = assemble.assembleLists([], definitions, repetitions, values, path)
    if (column.children.length === 0) return lists[0]
    const found = new Map<string, DecodedArray>([[(path.at(-1) as SchemaTree).path.join('.'), lists]])
    assemble.assembleNested(found, column, {} as never)
    return found.get(column.path.join('.'))?.[0]
  }

  #readNumbers({ values, dictionary }: ColumnPage): PackedArray {
    if (!dictionary) return toNumbers(values, this.Numbers)
    const entries = toNumbers(dictionary, this.Numbers)
    const numbers = new this.Numbers(values.length)
    for (let at = 0; at < values.length; at++) {
      const index = values[at] as number
      if (!(index < entries.length))
        throw fault(`has a value in column "${this.#path.column.element.name}" that its dictionary lacks`)
      numbers[at] = entries[index] as never
    }
    return numbers
  }
}

/** The entries of a row that may go on in the next page. */
export interface OpenRow extends ColumnPage {
  readonly repetitions: number[]
  readonly definitions: number[]
  readonly values: unknown[]
}

function toNumbers(values: DecodedArray, Numbers: ListRows['Numbers']): PackedArray {
  if (values instanceof Numbers) return values as PackedArray
  const numbers = new Numbers(values.length)
  for (let at = 0; at < values.length; at++) {
    const value = values[at] as unknown
    numbers[at] = (
      value instanceof Uint8Array ? float16(Buffer.from(value.buffer, value.byteOffset, 2)) : value
    ) as never
  }
  return numbers
}

function countRows(repetitions: readonly number[], from: number, to: number): number {
  let count = 0
  for (let at = from; at < to; at++) if (repetitions[at] === 0) count++
  return count
}

function endOfRow(repetitions: readonly number[], from: number, to: number): number {
  let end = from + 1
  while (end < to && repetitions[end] !== 0) end++
  return end
}

/** @param sizes  of nested lists. @returns for each number, how many of the lists around it do not begin with it */
function repetitionLevels(sizes: readonly number[]): Uint8Array {
  const levels = new Uint8Array(sizes.reduce((product, size) => product * size, 1)).fill(sizes.length)
  let width = 1
  for (const size of sizes.slice(1).reverse()) {
    width *= size
    for (let at = 0; at < levels.length; at += width) levels[at] = (levels[at] as number) - 1
  }
  levels[0] = 0
  return levels
}
