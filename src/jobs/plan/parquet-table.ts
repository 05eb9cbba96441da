/** Reads the columns of a Parquet file that the rows of a job need, some thousand rows at a time. */
import type { FileMetaData, ParquetParsers, ParquetScan, SchemaElement, SchemaTree } from 'hyparquet'
import type { Dtype } from '../../tensor/dtype.ts'
import { InputUnreadable } from '../failure.ts'
import { repeatedName } from '../formats/column-names.ts'
import { listLevels } from '../formats/list-values.ts'
import { type ColumnTraits, longestText } from '../formats/packed-columns.ts'
import { fitColumn, fitLists, requireSingle } from '../formats/parquet-columns.ts'
import { checkRowGroups, type ParquetFile, throwIfEncrypted } from '../formats/parquet-file.ts'
import { createEncoder, leafDtype, type SchemaGroups } from '../formats/parquet-json.ts'
import { requireIncluded } from '../formats/require-included.ts'
import { chooseRowShape, nestList, type RowShape } from '../formats/row-shape.ts'
import { columnTraits } from './column-traits.ts'
import { type ListReader, openLists } from './parquet-lists.ts'
import type { PlanOptions } from './plan-chunks.ts'
import type { ColumnToPack, RowSlice } from './prepared-columns.ts'

/** Columns that are read at a time. */
const parallelColumns = 4

export interface ParquetTable {
  readonly scan: ParquetScan
  readonly metadata: FileMetaData
  /** The columns that are read. `encode` gives the JSON text of a value. */
  readonly columns: readonly Pick<ColumnToPack, 'name' | 'encode'>[]
  /** @param cells  JSON text of a value of each of these. @returns JSON text of the row */
  readonly encodeRow: (cells: readonly string[]) => string
  /** Set when rows are records, of which values are copied to the output; otherwise rows are as the service takes them. */
  readonly record: { readonly columns: readonly string[]; readonly types: Readonly<Record<string, Dtype>> } | undefined
  /** The same columns, if their values are stored by themselves; otherwise chunks have the text of the rows. */
  readonly packed: readonly ColumnToPack[] | undefined
  /** Readers of those that are lists of numbers, by name. */
  readonly lists: ReadonlyMap<string, ListReader>
}

/** @throws InputUnreadable; what the file throws */
export async function openTable(file: ParquetFile, options: PlanOptions): Promise<ParquetTable> {
  const [{ parquetMetadataAsync, parquetScan, parquetSchema }, groups, assemble, { parquetCodecs }] = await Promise.all(
    [
      import('hyparquet'),
      import('hyparquet/src/schema.js'),
      import('hyparquet/src/assemble.js'),
      import('../formats/parquet-codecs.ts'),
    ],
  )
  const metadata = await parquetMetadataAsync(file, { geoparquet: false }).catch(cause => throwIfEncrypted(file, cause))
  const schema = parquetSchema(metadata)
  checkRowGroups(metadata, groups.getPhysicalColumns(schema))
  const { children } = schema
  const names = columnNames(children)
  const isList = children.map(each => groups.isListLike(each) || each.element.repetition_type === 'REPEATED')
  const shape = chooseRowShape(names, options.inputs, { ...options, isList })
  const { cells, encodeRow } = options.include ? withIncluded(shape, names, options) : shape
  const columns = cells.map(cell => openColumn(children[cell.column] as SchemaTree, { cell, shape, groups, options }))
  const raw = rawMetadata(metadata, children, groups)
  const scan = await parquetScan({ file, metadata: raw, compressors: parquetCodecs, utf8: false, parsers })
  const record = options.include && {
    columns: columns.map(({ name }) => name),
    types: {
      ...Object.fromEntries(leafTypes(children)),
      // What the service takes is what is copied.
      ...Object.fromEntries(columns.flatMap(({ name, fitted }) => (fitted ? [[name, fitted]] : []))),
    },
  }
  const packed = packedColumns(columns, shape, options)
  const lists = packed ? openLists(packed, { file, metadata: raw, root: parquetSchema(raw), assemble }) : new Map()
  return { scan, metadata, columns, encodeRow, record, packed, lists }
}

type Cell = RowShape['cells'][number]

interface ColumnUse {
  readonly cell: Cell
  /** Of the rows as the service takes them. */
  readonly shape: RowShape
  readonly groups: SchemaGroups
  readonly options: PlanOptions
}

/** A column; `dtype`: of the input that takes it. */
interface OpenColumn extends Pick<ColumnToPack, 'name' | 'encode'> {
  readonly dtype: Dtype | undefined
  /** Set where values are fitted to that type. */
  readonly fitted: Dtype | undefined
  readonly traits: ColumnTraits | undefined
  readonly place: number | undefined
}

function openColumn(
  node: SchemaTree,
  { cell: { column, name, dtype }, shape, groups, options }: ColumnUse,
): OpenColumn {
  const place = shape.cells.findIndex(each => each.column === column)
  const taken = shape.cells[place]
  const isTaken = taken !== undefined
  // Only floating-point inputs take NaN and infinities. The output has them where no input takes the column.
  const isFloat = (isTaken ? dtype : leafDtype(node.element))?.startsWith('float') === true
  const hasNonFinite = options.missing !== 'error' && isFloat
  const encode = createEncoder(node, groups, hasNonFinite)
  if (!encode)
    throw new InputUnreadable('INPUT_NOT_PARQUET', `column "${name}" is of type VARIANT, which is not supported`)
  const convert = isTaken ? fitTaken(node, { name, dtype }, { shape, groups, whole: taken.whole }) : undefined
  const fitted = convert && dtype
  const isRecord = options.include !== undefined
  const use = { isTaken, isRecord, isIncluded: isIncluded(name, options), whole: taken?.whole }
  const stored = columnTraits(node, groups, use)
  const whole = isRecord ? undefined : taken?.whole
  return {
    ...{ name, dtype, fitted: stored?.list ? undefined : fitted, place: isTaken ? place : undefined },
    encode: convert || whole ? value => nestList(convert?.(encode(value)) ?? encode(value), whole) : encode,
    traits: stored && { ...stored, ...fittedTraits(stored, fitted), ...(hasNonFinite && { hasNonFinite }) },
  }
}

function fitTaken(
  node: SchemaTree,
  column: { readonly name: string; readonly dtype: Dtype | undefined },
  { shape, groups, whole }: Pick<ColumnUse, 'shape' | 'groups'> & Pick<Cell, 'whole'>,
) {
  const lists = listLevels(node, groups)
  if (lists && whole) return fitLists(lists.leaf, column)
  // A row may be the only value of a column.
  const isList = groups.isListLike(node) || node.element.repetition_type === 'REPEATED'
  if (shape.cells.length > 1) requireSingle(node, isList, column)
  return fitColumn(node, column)
}

function isIncluded(name: string, { include }: PlanOptions): boolean {
  return include === 'all' || include?.includes(name) === true
}

function fittedTraits({ kind, scale }: ColumnTraits, fitted: Dtype | undefined): Partial<ColumnTraits> {
  if (fitted === undefined) return {}
  // Only their text tells 1 from 1.00, which is no flag.
  if (scale !== undefined) return { kind: 'json' }
  return kind === 'bool' ? { kind: 'uint8' } : { isFlag: true }
}

/** @returns undefined where rows are text, because that is what the service takes, or a column has values that are not stored alone */
function packedColumns(
  columns: readonly OpenColumn[],
  shape: RowShape,
  { inputs, maxRowBytes }: PlanOptions,
): ColumnToPack[] | undefined {
  const isTakenTwice = new Set(shape.cells.map(({ column }) => column)).size < shape.cells.length
  if (!inputs || isTakenTwice) return undefined
  const packed = columns.flatMap(({ traits, dtype, place, ...column }) => {
    const isText = place !== undefined && traits?.kind === 'json' && dtype !== 'string'
    return traits && !isText ? [{ ...column, ...traits, ...(place !== undefined && { place }) }] : []
  })
  const hasNumbers = packed.some(({ kind, place }) => place !== undefined && kind !== 'json')
  const numberBytes = packed.reduce((sum, { kind }) => sum + longestText[kind], 0)
  return packed.length === columns.length && hasNumbers && numberBytes < maxRowBytes / 2 ? packed : undefined
}

function leafTypes(columns: readonly SchemaTree[]): (readonly [string, Dtype])[] {
  return columns.flatMap(({ element, children }) => {
    const dtype = children.length === 0 ? leafDtype(element) : undefined
    return dtype ? [[element.name, dtype] as const] : []
  })
}

/** Rows that also have the values that are copied to the output. */
function withIncluded(
  shape: RowShape,
  names: readonly string[],
  options: PlanOptions,
): Pick<RowShape, 'cells' | 'encodeRow'> {
  requireIncluded(options, names)
  const include = options.include === 'all' ? names : (options.include ?? [])
  const taken = new Map(shape.cells.map(({ column, dtype }) => [column, dtype]))
  for (const name of include) {
    const column = names.indexOf(name)
    if (!taken.has(column)) taken.set(column, undefined)
  }
  const cells = [...taken].sort(([one], [other]) => one - other)
  const keys = cells.map(([column]) => `${JSON.stringify(names[column])}:`)
  return {
    cells: cells.map(([column, dtype]) => ({ column, name: names[column] as string, dtype })),
    encodeRow: values => `{${values.map((value, at) => keys[at] + value).join(',')}}`,
  }
}

/** Yields the values of the rows from `firstRow` on, one slice at a time. */
export async function* readSlices(
  table: ParquetTable,
  { firstRow, sliceBytes }: { readonly firstRow: number; readonly sliceBytes: number },
): AsyncGenerator<RowSlice> {
  const { scan, columns } = table
  if (columns.length === 0) return
  const sliceRows = sliceRowCount(table, sliceBytes)
  const names = columns.map(({ name }) => name)
  for (const { rowStart, rowEnd } of scan.ranges) {
    for (let row = Math.max(rowStart, firstRow); row < rowEnd; row += sliceRows) {
      const slice = { rowStart: row, rowEnd: Math.min(row + sliceRows, rowEnd) }
      yield { rowCount: slice.rowEnd - slice.rowStart, values: await readColumns(table, names, slice) }
    }
  }
}

async function readColumns(
  { scan, lists }: Pick<ParquetTable, 'scan' | 'lists'>,
  names: readonly string[],
  slice: { rowStart: number; rowEnd: number },
) {
  const values: RowSlice['values'][number][] = []
  for (let at = 0; at < names.length; at += parallelColumns) {
    const some = names.slice(at, at + parallelColumns)
    values.push(
      ...(await Promise.all(
        some.map(column => lists.get(column)?.read(slice) ?? scan.readColumn({ column, ...slice })),
      )),
    )
  }
  const short = values.findIndex(({ length }) => length !== slice.rowEnd - slice.rowStart)
  if (short >= 0)
    throw new InputUnreadable('INPUT_NOT_PARQUET', `column "${names[short]}" has fewer rows than the file declares`)
  return values
}

function columnNames(columns: readonly SchemaTree[]): string[] {
  const names = columns.map(({ element }) => element.name)
  const twice = repeatedName(names)
  if (twice === undefined) return names
  throw new InputUnreadable('INPUT_COLUMNS_UNFIT', `the Parquet file has two columns named "${twice}"`)
}

function sliceRowCount({ metadata, columns, lists }: ParquetTable, sliceBytes: number): number {
  const { row_groups, num_rows } = metadata
  const bytes = row_groups.reduce((sum, group) => sum + Number(group.total_byte_size), 0)
  // Numbers that repeat take no bytes in the file.
  const listBytes = [...lists.values()].reduce((sum, list) => sum + list.numberBytes, 0)
  return Math.max(1, Math.floor(sliceBytes / Math.max((bytes + listBytes) / Number(num_rows), 8 * columns.length)))
}

/** Removes logical types, so that hyparquet returns stored values. It would lose digits of timestamps and decimals otherwise. */
function rawMetadata(metadata: FileMetaData, columns: readonly SchemaTree[], groups: SchemaGroups): FileMetaData {
  const keys = new Set<SchemaElement>()
  const visit = (node: SchemaTree) => {
    // hyparquet converts maps to objects itself, and needs their keys as text.
    const [key] = groups.isMapLike(node) ? (node.children[0]?.children ?? []) : []
    if (key) keys.add(key.element)
    node.children.forEach(visit)
  }
  columns.forEach(visit)
  const raw = (element: SchemaElement): SchemaElement => {
    if (!element.type || keys.has(element)) return element
    const { converted_type, logical_type, ...stored } = element
    return stored
  }
  return { ...metadata, schema: metadata.schema.map(raw) }
}

/** hyparquet converts INT96 in any case; this keeps the nanoseconds. */
const parsers: Partial<ParquetParsers> = { timestampFromNanoseconds: nanoseconds => nanoseconds }
