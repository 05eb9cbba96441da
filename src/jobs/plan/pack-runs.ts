/** Stores the cells of columns beside each other. */
import { emptyLists, joinLists, type ListValues, sliceLists } from '../formats/list-values.ts'
import { type PackedArray, type PackedRun, packedArrays } from '../formats/packed-columns.ts'
import { float16 } from '../formats/parquet-values.ts'
import type { PreparedSlice } from './prepared-columns.ts'

/** Rows of a slice that are in the chunk. */
export interface RowsOfSlice {
  readonly slice: PreparedSlice
  readonly from: number
  readonly to: number
}

interface RunToPack {
  readonly run: PackedRun
  /** Number of its first column. */
  readonly first: number
  readonly rowCount: number
  /** Gets the columns that have nulls. */
  readonly nulls: Map<number, Uint8Array>
}

interface PackedBlocks {
  readonly run: PackedRun
  readonly blocks: readonly Uint8Array[]
}

const nothing = Buffer.alloc(0)

export function packRun(parts: readonly RowsOfSlice[], task: RunToPack): PackedBlocks {
  const { run, first } = task
  if (run.kind === 'json') return { run, blocks: [packTexts(parts, first)] }
  const blocks = run.list ? packLists(parts, task) : [packNumbers(parts, task)]
  const mayHaveTexts = run.list !== undefined || run.scale !== undefined
  const hasTexts =
    mayHaveTexts &&
    parts.some(({ slice, from, to }) => slice.columns[first]?.texts.slice(from, to).some(text => text !== undefined))
  return hasTexts ? { run: { ...run, hasTexts: true }, blocks: [...blocks, packTexts(parts, first)] } : { run, blocks }
}

function packTexts(parts: readonly RowsOfSlice[], column: number): Uint8Array {
  const texts = parts.flatMap(({ slice, from, to }) =>
    Array.from({ length: to - from }, (_, at) =>
      slice.tooLarge.has(from + at) ? nothing : (slice.columns[column]?.texts[from + at] ?? nothing),
    ),
  )
  const starts = new Uint32Array(texts.length + 1)
  for (const [at, { byteLength }] of texts.entries()) starts[at + 1] = (starts[at] as number) + byteLength
  return Buffer.concat([Buffer.from(starts.buffer), ...texts])
}

function packLists(parts: readonly RowsOfSlice[], { run, first }: RunToPack): Uint8Array[] {
  const lists = parts.map(({ slice, from, to }) => {
    const some = sliceLists(slice.columns[first]?.lists as ListValues, from, to)
    return slice.tooLarge.size === 0 ? some : emptyLists(some, row => slice.tooLarge.has(from + row))
  })
  const Numbers = packedArrays[run.kind as keyof typeof packedArrays]
  const { starts, numbers } = joinLists(lists, Numbers as new (length: number) => PackedArray)
  return [starts, numbers].map(
    ({ buffer, byteOffset, byteLength }) => new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength),
  )
}

function packNumbers(parts: readonly RowsOfSlice[], { run, first, rowCount, nulls }: RunToPack): Uint8Array {
  const kind = run.kind as keyof typeof packedArrays
  const packed = new packedArrays[kind](run.count * rowCount)
  for (let column = 0; column < run.count; column++) {
    let at = 0
    for (const { slice, from, to } of parts) {
      const values = slice.columns[first + column]?.numbers as ArrayLike<unknown>
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
