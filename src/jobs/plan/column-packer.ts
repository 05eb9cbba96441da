import type { SchemaElement } from 'hyparquet'
import {
  aligned,
  type ColumnTraits,
  headerStart,
  longestText,
  type PackedArray,
  type PackedHeader,
  type PackedRun,
  packedArrays,
  packedMark,
} from '../formats/packed-columns.ts'
import { leafDtype } from '../formats/parquet-json.ts'
import { float16 } from '../formats/parquet-values.ts'

export interface ColumnToPack extends ColumnTraits {
  readonly name: string
  readonly place?: number
  /** @returns JSON text of a value, as it stands in the text of a row */
  readonly encode: (value: unknown) => string
}

/** The values of some rows: one array for each column. */
export interface RowSlice {
  readonly rowCount: number
  readonly values: readonly ArrayLike<unknown>[]
}

/** @returns how values of a column are stored; undefined: not by themselves, such as lists and groups */
export function columnTraits(element: SchemaElement): ColumnTraits | undefined {
  const { type, converted_type: converted, logical_type: logical, repetition_type: repetition } = element
  const dtype = leafDtype(element)
  if (dtype === 'bool' || dtype === 'float32' || dtype === 'float64') return { kind: dtype }
  if (dtype === 'float16') return { kind: 'float32' }
  if (type === 'INT32' && dtype) return { kind: dtype.startsWith('u') ? 'uint32' : 'int32' }
  if (type === 'INT64' && dtype) return { kind: dtype.startsWith('u') ? 'uint64' : 'int64' }
  // Text that is JSON itself may be nested too deep, which only its row tells.
  const mayBeNested = repetition === 'REPEATED' || converted === 'JSON' || logical?.type === 'JSON'
  return type === undefined || mayBeNested ? undefined : { kind: 'json' }
}

interface PackedRows extends Pick<PackedHeader, 'row' | 'names'> {
  readonly columns: readonly ColumnToPack[]
  /** A larger row is counted, but never held. */
  readonly maxRowBytes: number
}

/** Rows of a slice that are in the chunk. */
interface Part {
  readonly slice: PreparedSlice
  readonly from: number
  readonly to: number
}

interface PreparedSlice extends RowSlice {
  /** For each column of JSON, the text of each row. */
  readonly texts: readonly (readonly Buffer[])[]
  /** Rows that are too large. */
  readonly tooLarge: ReadonlySet<number>
}

const nothing = Buffer.alloc(0)

/** Collects rows and stores them as `PackedColumns` reads them. */
export class ColumnPacker {
  readonly #rows: PackedRows
  readonly #runs: readonly PackedRun[]
  /** Bytes of the numbers of a row. */
  readonly #rowBytes: number
  #parts: Part[] = []

  constructor(rows: PackedRows) {
    this.#rows = rows
    this.#runs = joinRuns(rows.columns)
    this.#rowBytes = rows.columns.reduce((sum, { kind }) => sum + elementBytes(kind), 0)
  }

  /** Encodes what is stored as text. */
  prepare(slice: RowSlice): PreparedSlice {
    const { columns, maxRowBytes, row } = this.#rows
    const texts = columns.flatMap(({ kind, encode }, column) =>
      kind === 'json'
        ? [Array.from(slice.values[column] as ArrayLike<unknown>, value => Buffer.from(encode(value)))]
        : [],
    )
    const numberBytes = columns.reduce((sum, { kind }) => sum + longestText[kind], Buffer.byteLength(row))
    const tooLarge = new Set<number>()
    for (let at = 0; at < slice.rowCount; at++) {
      if (numberBytes + textBytes(texts, at) <= maxRowBytes) continue
      const cells = columns.map(({ encode }, column) => encode(slice.values[column]?.[at]))
      const marks = columns.length
      const bytes = cells.reduce((sum, cell) => sum + Buffer.byteLength(cell), Buffer.byteLength(row) - marks)
      if (bytes > maxRowBytes) tooLarge.add(at)
    }
    return { ...slice, texts, tooLarge }
  }

  /** Bytes that a row of a slice takes in a chunk. */
  rowBytes({ texts, tooLarge }: PreparedSlice, row: number): number {
    return this.#rowBytes + (tooLarge.has(row) ? 0 : textBytes(texts, row))
  }

  add(slice: PreparedSlice, from: number, to: number): void {
    if (to > from) this.#parts.push({ slice, from, to })
  }

  /** @returns the rows that were added since the last call */
  pack(): Uint8Array {
    const parts = this.#parts
    this.#parts = []
    const rowCount = parts.reduce((sum, { from, to }) => sum + to - from, 0)
    const blocks: Uint8Array[] = []
    const nulls = new Map<number, Uint8Array>()
    let first = 0
    let texts = 0
    for (const run of this.#runs) {
      blocks.push(run.kind === 'json' ? packTexts(parts, texts++) : packNumbers(parts, { run, first, rowCount, nulls }))
      first += run.count
    }
    const { row, names } = this.#rows
    const columns = [...nulls.keys()]
    const header = {
      rowCount,
      row,
      ...(names && { names }),
      runs: this.#runs,
      nulls: columns,
      tooLarge: tooLarge(parts),
    }
    return join(header, [...blocks, Buffer.concat([...nulls.values()])])
  }
}

function elementBytes(kind: ColumnTraits['kind']): number {
  return kind === 'json' ? Uint32Array.BYTES_PER_ELEMENT : packedArrays[kind].BYTES_PER_ELEMENT
}

function textBytes(texts: PreparedSlice['texts'], row: number): number {
  let bytes = 0
  for (const column of texts) bytes += column[row]?.byteLength ?? 0
  return bytes
}

function joinRuns(columns: readonly ColumnToPack[]): PackedRun[] {
  const runs: (PackedRun & { count: number })[] = []
  for (const { kind, hasNonFinite, isFlag, place } of columns) {
    const last = runs.at(-1)
    const next = last?.place === undefined ? undefined : last.place + last.count
    const isSame = last?.kind === kind && last.hasNonFinite === hasNonFinite && last.isFlag === isFlag
    if (last && isSame && kind !== 'json' && next === place) last.count++
    else
      runs.push({
        kind,
        ...(hasNonFinite && { hasNonFinite }),
        ...(isFlag && { isFlag }),
        count: 1,
        ...(place !== undefined && { place }),
      })
  }
  return runs
}

/** @param column  among those of JSON */
function packTexts(parts: readonly Part[], column: number): Uint8Array {
  const texts = parts.flatMap(({ slice, from, to }) =>
    Array.from({ length: to - from }, (_, at) =>
      slice.tooLarge.has(from + at) ? nothing : (slice.texts[column]?.[from + at] as Buffer),
    ),
  )
  const starts = new Uint32Array(texts.length + 1)
  for (const [at, { byteLength }] of texts.entries()) starts[at + 1] = (starts[at] as number) + byteLength
  return Buffer.concat([Buffer.from(starts.buffer), ...texts])
}

interface NumbersToPack {
  readonly run: PackedRun
  readonly first: number
  readonly rowCount: number
  /** Gets the columns that have nulls. */
  readonly nulls: Map<number, Uint8Array>
}

function packNumbers(parts: readonly Part[], { run, first, rowCount, nulls }: NumbersToPack): Uint8Array {
  const kind = run.kind as keyof typeof packedArrays
  const packed = new packedArrays[kind](run.count * rowCount)
  for (let column = 0; column < run.count; column++) {
    let at = 0
    for (const { slice, from, to } of parts) {
      const values = slice.values[first + column] as ArrayLike<unknown>
      const into = packed.subarray(column * rowCount + at, column * rowCount + at + to - from)
      if (values instanceof packedArrays[kind]) into.set(values.subarray(from, to) as never)
      else
        for (const row of packEach(values, from, into))
          markNull(nulls, { column: first + column, row: at + row, rowCount })
      at += to - from
    }
  }
  return new Uint8Array(packed.buffer)
}

/** @returns the rows of those that are null */
function packEach(values: ArrayLike<unknown>, from: number, into: PackedArray): number[] {
  const nulls: number[] = []
  for (let row = 0; row < into.length; row++) {
    const value = values[from + row]
    if (value === null || value === undefined) nulls.push(row)
    else if (value instanceof Uint8Array) into[row] = float16(Buffer.from(value.buffer, value.byteOffset, 2))
    else into[row] = value as never
  }
  return nulls
}

function markNull(
  nulls: Map<number, Uint8Array>,
  { column, row, rowCount }: { readonly column: number; readonly row: number; readonly rowCount: number },
): void {
  const mask = nulls.get(column) ?? new Uint8Array(rowCount)
  mask[row] = 1
  nulls.set(column, mask)
}

function tooLarge(parts: readonly Part[]): number[] {
  const rows: number[] = []
  let at = 0
  for (const { slice, from, to } of parts) {
    for (const row of slice.tooLarge) if (row >= from && row < to) rows.push(at + row - from)
    at += to - from
  }
  return rows
}

function join(header: PackedHeader, blocks: readonly Uint8Array[]): Uint8Array {
  const text = Buffer.from(JSON.stringify(header))
  const length = Buffer.alloc(headerStart - packedMark.byteLength)
  length.writeUInt32LE(text.byteLength)
  return Buffer.concat([Buffer.concat([packedMark, length, text]), ...blocks].flatMap(padded))
}

function padded(block: Uint8Array): Uint8Array[] {
  return [block, Buffer.alloc(aligned(block.byteLength) - block.byteLength)]
}
