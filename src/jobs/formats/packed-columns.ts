/**
 * Chunks of tables whose numbers are stored as such. Scoring threads copy them into tensors, and the text of a row is only written
 * for rows that fail or are scored alone.
 *
 * A packed chunk begins with a mark and a header in JSON. Behind it stand the values of one column after the other, little-endian, and
 * then a byte for each row of the columns that have nulls. Cells of other types stand there as their JSON text.
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
}

export interface PackedRun extends ColumnTraits {
  readonly count: number
  /** Cell of the row, as the service takes it, that the first column of the run fills; absent: they are only copied to the output. */
  readonly place?: number
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
/** Mark and length of the header. */
export const headerStart = 12

export const aligned = (offset: number): number => Math.ceil(offset / 8) * 8

/** The columns of a run, one after the other in one array. */
export interface PackedValues {
  readonly run: PackedRun
  /** Number of its first column. */
  readonly first: number
  /** Of JSON: where the text of each row begins in `text`, and where the last one ends. */
  readonly values: PackedArray
  readonly text: Buffer
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
  #between: readonly string[] | undefined

  private constructor(bytes: Buffer) {
    const headerLength = bytes.readUInt32LE(packedMark.length)
    const text = bytes.toString('utf8', headerStart, headerStart + headerLength)
    const { rowCount, row, names = [], runs, nulls, tooLarge } = JSON.parse(text) as PackedHeader
    let at = aligned(headerStart + headerLength)
    let first = 0
    this.runs = runs.map(run => {
      const [Values, length] =
        run.kind === 'json' ? [Uint32Array, rowCount + 1] : [packedArrays[run.kind], run.count * rowCount]
      const values = new Values(bytes.buffer as ArrayBuffer, bytes.byteOffset + at, length)
      const textStart = at + values.byteLength
      const textEnd = run.kind === 'json' ? textStart + Number(values[rowCount]) : textStart
      const packed = { run, first, values, text: bytes.subarray(textStart, textEnd) }
      at = aligned(textEnd)
      first += run.count
      return packed
    })
    const mask = (index: number) => bytes.subarray(at + index * rowCount, at + (index + 1) * rowCount)
    this.#nulls = new Map(nulls.map((column, index) => [column, mask(index)]))
    this.rowCount = rowCount
    this.names = names
    this.tooLarge = new Set(tooLarge)
    this.#row = row
    this.#fixedTextBytes = runs.reduce((sum, run) => sum + run.count * longestText[run.kind], Buffer.byteLength(row))
  }

  /** @throws Error for other content */
  static open(content: Uint8Array): PackedColumns {
    const bytes = Buffer.from(content.buffer, content.byteOffset, content.byteLength)
    if (!bytes.subarray(0, packedMark.length).equals(packedMark))
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
    for (const { run, values } of this.runs)
      if (run.kind === 'json') bytes += Number(values[row + 1]) - Number(values[row])
    return bytes
  }

  /** JSON text of the cells of a row, in the order of the columns; none if the row is too large. */
  cells(row: number): string[] {
    if (this.tooLarge.has(row)) return []
    return this.runs.flatMap(packed => Array.from({ length: packed.run.count }, (_, at) => this.#cell(packed, at, row)))
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

  #cell({ run, first, values, text }: PackedValues, at: number, row: number): string {
    if (this.#nulls.get(first + at)?.[row]) return 'null'
    if (run.kind === 'json') return text.toString('utf8', Number(values[row]), Number(values[row + 1]))
    return numberText(run, values[at * this.rowCount + row] as number | bigint)
  }
}

const rowsPerPiece = 100
const lineEnd = Buffer.from('\n')

function numberText({ kind, hasNonFinite, isFlag }: ColumnTraits, value: number | bigint): string {
  if (kind === 'bool') return value ? 'true' : 'false'
  const text = typeof value === 'bigint' ? String(value) : hasNonFinite ? anyFloat(value) : float(value)
  return isFlag ? (flagTexts[text] ?? text) : text
}
