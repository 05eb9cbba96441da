/** Collects the rows of a table and stores them column by column. */
import {
  aligned,
  type ColumnTraits,
  headerStart,
  longestListText,
  longestText,
  type PackedHeader,
  type PackedRun,
  packedArrays,
  packedListMark,
  packedMark,
} from '../formats/packed-columns.ts'
import { packRun, type RowsOfSlice } from './pack-runs.ts'
import {
  type ColumnToPack,
  type PreparedColumn,
  type PreparedSlice,
  prepareColumn,
  type RowSlice,
} from './prepared-columns.ts'

interface PackedRows extends Pick<PackedHeader, 'row' | 'names'> {
  readonly columns: readonly ColumnToPack[]
  /** A larger row is counted, but never held. */
  readonly maxRowBytes: number
}

/** Stores rows as `PackedColumns` reads them. */
export class ColumnPacker {
  readonly #rows: PackedRows
  readonly #runs: readonly PackedRun[]
  /** Bytes that each row has: its numbers outside lists, and where its lists and texts begin. */
  readonly #rowBytes: number
  #parts: RowsOfSlice[] = []

  constructor(rows: PackedRows) {
    this.#rows = rows
    this.#runs = joinRuns(rows.columns)
    this.#rowBytes = rows.columns.reduce((sum, column) => sum + fixedBytes(column), 0)
  }

  /** Encodes what is stored as text. */
  prepare({ rowCount, values }: RowSlice): PreparedSlice {
    const { columns, maxRowBytes, row } = this.#rows
    const prepared = columns.map((column, at) => prepareColumn(column, values[at] as RowSlice['values'][number]))
    const singles = columns.filter(({ list }) => !list)
    const fixed = singles.reduce((sum, { kind }) => sum + longestText[kind], Buffer.byteLength(row))
    const changing = prepared.filter(({ column }) => !mayBeJoined(column))
    const tooLarge = new Set<number>()
    for (let at = 0; at < rowCount; at++) {
      const most = changing.reduce((sum, column) => sum + column.textBytes(at) + mostListBytes(column, at), fixed)
      if (most <= maxRowBytes) continue
      const marks = columns.length
      const bytes = prepared.reduce((sum, column) => sum + column.cellBytes(at), Buffer.byteLength(row) - marks)
      if (bytes > maxRowBytes) tooLarge.add(at)
    }
    return { rowCount, columns: prepared, changing, tooLarge }
  }

  /** Bytes that a row of a slice takes in a chunk. */
  rowBytes({ changing, tooLarge }: PreparedSlice, row: number): number {
    if (tooLarge.has(row)) return this.#rowBytes
    return changing.reduce((sum, column) => sum + column.textBytes(row) + listBytes(column, row), this.#rowBytes)
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
    const runs: PackedRun[] = []
    let first = 0
    for (const run of this.#runs) {
      const packed = packRun(parts, { run, first, rowCount, nulls })
      blocks.push(...packed.blocks)
      runs.push(packed.run)
      first += run.count
    }
    const { row, names } = this.#rows
    const header = {
      rowCount,
      row,
      ...(names && { names }),
      runs,
      nulls: [...nulls.keys()],
      tooLarge: tooLarge(parts),
    }
    return join(header, [...blocks, Buffer.concat([...nulls.values()])])
  }
}

function fixedBytes({ kind, list }: ColumnToPack): number {
  return kind === 'json' || list ? Uint32Array.BYTES_PER_ELEMENT : packedArrays[kind].BYTES_PER_ELEMENT
}

function listBytes({ lists }: PreparedColumn, row: number): number {
  return lists ? listLength(lists.starts, row) * lists.numbers.BYTES_PER_ELEMENT : 0
}

function mostListBytes({ column, lists }: PreparedColumn, row: number): number {
  return lists ? longestListText(column, listLength(lists.starts, row)) : 0
}

function listLength(starts: Uint32Array, row: number): number {
  return (starts[row + 1] as number) - (starts[row] as number)
}

function joinRuns(columns: readonly ColumnToPack[]): PackedRun[] {
  const runs: (PackedRun & { count: number })[] = []
  for (const column of columns) {
    const { kind, hasNonFinite, isFlag, list, scale, place } = column
    const last = runs.at(-1)
    const next = last?.place === undefined ? undefined : last.place + last.count
    const isSame = last?.kind === kind && last.hasNonFinite === hasNonFinite && last.isFlag === isFlag
    if (last && isSame && next === place && mayBeJoined(last) && mayBeJoined(column)) last.count++
    else
      runs.push({
        kind,
        ...(hasNonFinite && { hasNonFinite }),
        ...(isFlag && { isFlag }),
        ...(list && { list }),
        ...(scale !== undefined && { scale }),
        count: 1,
        ...(place !== undefined && { place }),
      })
  }
  return runs
}

/** Cells of one kind that have no texts. */
function mayBeJoined({ kind, list, scale }: ColumnTraits): boolean {
  return kind !== 'json' && !list && scale === undefined
}

function tooLarge(parts: readonly RowsOfSlice[]): number[] {
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
  const mark = header.runs.some(({ list, hasTexts }) => list ?? hasTexts) ? packedListMark : packedMark
  return Buffer.concat([Buffer.concat([mark, length, text]), ...blocks].flatMap(padded))
}

function padded(block: Uint8Array): Uint8Array[] {
  return [block, Buffer.alloc(aligned(block.byteLength) - block.byteLength)]
}
