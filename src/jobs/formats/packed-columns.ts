/**
 * Chunks of tables whose numbers are stored as such. Scoring threads copy them into tensors, and the text of a row is only written
 * for rows that fail or are scored alone.
 *
 * A packed chunk begins with a mark and a header in JSON. Behind it stand the values of one column after the other, little-endian, and
 * then a byte for each row of the columns that have nulls. Cells of other types stand there as their JSON text. A column of lists has the
 * numbers of one row after the other, behind where those of each row begin; values that are no such lists follow as text.
 */
import { flagTexts } from './parquet-columns.ts'
import { anyFloat, float } from './parquet-values.ts'
import { tooLargeRow } from './read-rows.ts'

export const packedArrays = {
  bool: Uint8Array,
  uint8: Uint8Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
  float32: Float32Array,
  float64: Float64Array,
} as const

type NumberKind = keyof typeof packedArrays
export type PackedKind = NumberKind | 'json'
export type PackedArray = InstanceType<(typeof packedArrays)[NumberKind]>

/** Characters of the longest text of a number. */
export const longestText: Readonly<Record<PackedKind, number>> = {
  ...{ bool: 5, uint8: 5, int32: 11, uint32: 10, int64: 20, uint64: 20, float32: 25, float64: 25, json: 0 },
}

/** What is the same for columns beside each other. */
export interface ColumnTraits {
  readonly kind: PackedKind
  /** NaN and infinities are written as Python's words; otherwise as null. */
  readonly hasNonFinite?: true
  /** 1 and 0 are written as true and false. */
  readonly isFlag?: true
  /** Set for lists of such values: the sizes of nested ones, outermost first; none for lists of any length. */
  readonly list?: readonly number[]
  /** Set for decimals, which are stored as numbers where these are as exact: digits behind the point. */
  readonly scale?: number
}

export interface PackedRun extends ColumnTraits {
  readonly count: number
  /** Cell of the row, as the service takes it, that the first column of the run fills; absent: they are only copied to the output. */
  readonly place?: number
  /** Some cells are not of the kind, and have a text. */
  readonly hasTexts?: true
}

export interface PackedHeader {
  readonly rowCount: number
  /** Text of a row with `cellMark` in place of each cell. */
  readonly row: string
  /** Of the columns, if rows are records. */
  readonly names?: readonly string[]
  readonly runs: readonly PackedRun[]
  /** Columns that have nulls. */
  readonly nulls: readonly number[]
  /** Rows that are too large, whose cells are not stored. */
  readonly tooLarge: readonly number[]
}

/** Strings in JSON have no such character. */
export const cellMark = '\0'
/** Another version of the app may store them in another way, behind another mark. */
export const packedMark: Uint8Array = Buffer.from('\xffcolumn1', 'latin1')
/** The same where a run has lists, or texts beside its numbers, which earlier versions do not read. */
export const packedListMark: Uint8Array = Buffer.from('\xffcolumn2', 'latin1')
/** Mark and length of the header. */
export const headerStart = 12

export const aligned = (offset: number): number => Math.ceil(offset / 8) * 8

/** The columns of a run, one after the other in one array. */
export interface PackedValues {
  readonly run: PackedRun
  /** Number of its first column. */
  readonly first: number
  readonly values: PackedArray
  /** Of lists: where the values of each row begin, and where those of the last one end. */
  readonly starts: Uint32Array | undefined
  /** Of JSON, and of cells that are not of the kind; empty where there is none. */
  readonly texts: CellTexts | undefined
}

/** Reads a packed chunk. */
export class PackedColumns {
  readonly rowCount: number
  readonly runs: readonly PackedValues[]
  /** Of the columns, if rows are records. */
  readonly names: readonly string[]
  /** Rows whose cells are not stored. */
  readonly tooLarge: ReadonlySet<number>
  /** For each column with nulls, whether a row has one. */
  readonly #nulls: ReadonlyMap<number, Uint8Array>
  readonly #row: string
  readonly #fixedTextBytes: number
  /** Those runs of which the length of a cell depends on the row. */
  readonly #changing: readonly PackedValues[]
  #between: readonly string[] | undefined

  private constructor(bytes: Buffer) {
    const headerLength = bytes.readUInt32LE(packedMark.length)
    const text = bytes.toString('utf8', headerStart, headerStart + headerLength)
    const { rowCount, row, names = [], runs, nulls, tooLarge } = JSON.parse(text) as PackedHeader
    const blocks = new Blocks(bytes, aligned(headerStart + headerLength))
    let first = 0
    this.runs = runs.map(run => {
      const packed = { run, first, ...readRun(run, rowCount, blocks) }
      first += run.count
      return packed
    })
    const masks = blocks.bytes(nulls.length * rowCount)
    const mask = (index: number) => masks.subarray(index * rowCount, (index + 1) * rowCount)
    this.#nulls = new Map(nulls.map((column, index) => [column, mask(index)]))
    this.rowCount = rowCount
    this.names = names
    this.tooLarge = new Set(tooLarge)
    this.#row = row
    const fixed = runs.filter(({ list }) => !list)
    this.#fixedTextBytes = fixed.reduce((sum, run) => sum + run.count * longestText[run.kind], Buffer.byteLength(row))
    this.#changing = this.runs.filter(({ starts, texts }) => starts ?? texts)
  }

  /** @throws Error for other content */
  static open(content: Uint8Array): PackedColumns {
    const bytes = Buffer.from(content.buffer, content.byteOffset, content.byteLength)
    const mark = bytes.subarray(0, packedMark.length)
    if (!mark.equals(packedMark) && !mark.equals(packedListMark))
      throw new Error('a chunk does not have packed columns')
    // Values are read in place, at offsets that their size divides.
    return new PackedColumns(bytes.byteOffset % 8 === 0 ? bytes : Buffer.from(Uint8Array.from(bytes).buffer))
  }

  /** @returns for each row, whether its cell is null; undefined: none is */
  nulls(column: number): Uint8Array | undefined {
    return this.#nulls.get(column)
  }

  /** Bytes of the text of a row, at most. */
  mostTextBytes(row: number): number {
    let bytes = this.#fixedTextBytes
    for (const { run, starts, texts } of this.#changing) {
      if (texts) bytes += texts.countBytes(row)
      if (starts) bytes += longestListText(run, (starts[row + 1] as number) - (starts[row] as number))
    }
    return bytes
  }

  /** JSON text of the cells of a row, in the order of the columns; none if the row is too large. */
  cells(row: number): string[] {
    if (this.tooLarge.has(row)) return []
    return this.runs.flatMap(packed => Array.from({ length: packed.run.count }, (_, at) => this.#cell(packed, at, row)))
  }

  /** The same of some columns, by their names; undefined for a name that no column has. */
  namedCells(names: readonly string[]): (row: number) => (string | undefined)[] {
    const places = names.map(name => {
      const column = this.names.indexOf(name)
      const packed = this.runs.findLast(({ first }) => first <= column)
      return packed && { packed, at: column - packed.first }
    })
    return row => (this.tooLarge.has(row) ? [] : places.map(place => place && this.#cell(place.packed, place.at, row)))
  }

  /** Bytes of the text of a row, without a line end. */
  text(row: number): Uint8Array {
    if (this.tooLarge.has(row)) return tooLargeRow
    this.#between ??= this.#row.split(cellMark)
    const [begin = '', ...between] = this.#between
    return Buffer.from(
      begin +
        this.cells(row)
          .map((cell, at) => cell + between[at])
          .join(''),
    )
  }

  /** The text of some rows as JSON Lines, in pieces. */
  *lines(from = 0, to = this.rowCount): Generator<Uint8Array> {
    for (let start = from; start < to; start += rowsPerPiece) {
      const count = Math.min(rowsPerPiece, to - start)
      yield Buffer.concat(Array.from({ length: count }, (_, at) => [this.text(start + at), lineEnd]).flat())
    }
  }

  #cell({ run, first, values, starts, texts }: PackedValues, at: number, row: number): string {
    if (this.#nulls.get(first + at)?.[row]) return 'null'
    if (texts && (run.kind === 'json' || texts.countBytes(row) > 0)) return texts.readText(row)
    if (starts) return listText(run, values.subarray(starts[row], starts[row + 1]))
    return numberText(run, values[at * this.rowCount + row] as number | bigint)
  }
}

/** The texts of the cells of a column, one after the other. */
export class CellTexts {
  readonly #starts: Uint32Array
  readonly #text: Buffer

  /** @param starts  where the text of each row begins, and where that of the last one ends */
  constructor(starts: Uint32Array, text: Buffer) {
    this.#starts = starts
    this.#text = text
  }

  countBytes(row: number): number {
    return (this.#starts[row + 1] as number) - (this.#starts[row] as number)
  }

  readText(row: number): string {
    return this.#text.toString('utf8', this.#starts[row], this.#starts[row + 1])
  }
}

/** The parts of a chunk, one after the other. */
class Blocks {
  readonly #bytes: Buffer
  #at: number

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes
    this.#at = at
  }

  array<T extends PackedArray>(
    Values: (new (buffer: ArrayBuffer, byteOffset: number, length: number) => T) & { BYTES_PER_ELEMENT: number },
    length: number,
  ): T {
    const { buffer, byteOffset } = this.bytes(length * Values.BYTES_PER_ELEMENT)
    return new Values(buffer as ArrayBuffer, byteOffset, length)
  }

  bytes(length: number): Buffer {
    const start = this.#at
    this.#at = aligned(start + length)
    return this.#bytes.subarray(start, start + length)
  }

  texts(rowCount: number): CellTexts {
    // Both are one block.
    const start = this.#at
    const starts = this.array(Uint32Array, rowCount + 1)
    this.#at = start + starts.byteLength
    return new CellTexts(starts, this.bytes(Number(starts[rowCount])))
  }
}

function readRun(run: PackedRun, rowCount: number, blocks: Blocks): Pick<PackedValues, 'values' | 'starts' | 'texts'> {
  if (run.kind === 'json') return { values: new Uint32Array(), starts: undefined, texts: blocks.texts(rowCount) }
  const starts = run.list && blocks.array(Uint32Array, rowCount + 1)
  const length = starts ? Number(starts[rowCount]) : run.count * rowCount
  const values = blocks.array<PackedArray>(packedArrays[run.kind], length)
  return { values, starts, texts: run.hasTexts && blocks.texts(rowCount) }
}

const rowsPerPiece = 100
const lineEnd = Buffer.from('\n')

export function numberText({ kind, hasNonFinite, isFlag }: ColumnTraits, value: number | bigint): string {
  if (kind === 'bool') return value ? 'true' : 'false'
  const text = typeof value === 'bigint' ? String(value) : hasNonFinite ? anyFloat(value) : float(value)
  return isFlag ? (flagTexts[text] ?? text) : text
}

/** Bytes of the text of a list, at most: each number has a comma or a bracket, and may begin and end all lists around it. */
export function longestListText({ kind, list = [] }: ColumnTraits, count: number): number {
  return count * (longestText[kind] + 1 + 2 * list.length) + 2
}

/** @param values  of a row: as many as the sizes say, if there are some */
export function listText(traits: ColumnTraits, values: PackedArray): string {
  const [, ...inner] = traits.list ?? []
  if (inner.length === 0)
    return `[${Array.from(values as ArrayLike<number | bigint>, value => numberText(traits, value)).join(',')}]`
  const width = inner.reduce((product, size) => product * size, 1)
  const lists: string[] = []
  for (let at = 0; at < values.length; at += width)
    lists.push(listText({ ...traits, list: inner }, values.subarray(at, at + width)))
  return `[${lists.join(',')}]`
}
