import type { FileMetaData, ParquetParsers, ParquetScan, SchemaElement, SchemaTree } from 'hyparquet'
import type { Dtype } from '../../tensor/dtype.ts'
import { InputUnreadable, tooLarge } from '../failure.ts'
import { repeatedName } from '../formats/column-names.ts'
import { fitColumn } from '../formats/parquet-columns.ts'
import { checkRowGroups, ParquetFile } from '../formats/parquet-file.ts'
import { createEncoder, leafDtype, type SchemaGroups } from '../formats/parquet-json.ts'
import { requireIncluded } from '../formats/require-included.ts'
import { chooseRowShape, type RowShape } from '../formats/row-shape.ts'
import type { ReadInput } from '../formats/text-source.ts'
import type { PlanCursor } from '../plan-parts.ts'
import { ChunkBuilder, type Chunks } from './chunk-builder.ts'
import type { PlanOptions } from './plan-chunks.ts'

const defaultSliceBytes = 32 * 1024 ** 2
/** Columns that are read at a time. */
const parallelColumns = 4

/**
 * A `PlanParquet` on this thread. A damaged file may block it for a minute or exhaust its memory, because the reader trusts the run
 * lengths in the file. Reads only the columns of a row, some thousand rows at a time.
 *
 * @param options.sliceBytes  approximate size of the rows that are read at a time; the chunks do not depend on it
 * @throws InputUnreadable after the chunks before the fault; what `read` throws
 */
export async function* planParquet(
  read: ReadInput,
  { sliceBytes = defaultSliceBytes, ...options }: PlanOptions & { readonly sliceBytes?: number },
  cursor: PlanCursor,
): Chunks {
  const { bytes, maxRowBytes, maxInputBytes } = options
  const file = new ParquetFile(read, bytes)
  const chunk = new ChunkBuilder(options, cursor, { separator: '\n' })
  let start = cursor.offset
  try {
    const table = await openTable(file, options)
    if (table.record) chunk.name(table.record.columns, table.record.types)
    for await (const rows of readSlices(table, { firstRow: cursor.row, sliceBytes })) {
      for (const text of rows) {
        const row = Buffer.from(text)
        const end = start + row.length
        if (end > maxInputBytes) throw tooLarge(maxInputBytes)
        if (chunk.add({ start, end }, row.length > maxRowBytes ? undefined : row)) yield chunk.close()
        start = end
      }
    }
  } catch (cause) {
    const failure = file.failure ?? cause
    const isFault = !file.failure || failure instanceof InputUnreadable
    if (isFault && chunk.hasRows) yield chunk.close()
    if (!isFault || failure instanceof InputUnreadable) throw failure
    throw new InputUnreadable('INPUT_NOT_PARQUET', 'the input cannot be read as a Parquet file', { cause })
  }
  if (chunk.hasRows) yield chunk.close()
  return chunk.cursor
}

interface ParquetTable {
  readonly scan: ParquetScan
  readonly metadata: FileMetaData
  /** The columns that are read. */
  readonly columns: readonly { readonly name: string; readonly encode: (value: unknown) => string }[]
  /** @param cells  JSON text of a value of each of these. @returns JSON text of the row */
  readonly encodeRow: (cells: readonly string[]) => string
  /** Set when rows are records, of which values are copied to the output; otherwise rows are as the service takes them. */
  readonly record: { readonly columns: readonly string[]; readonly types: Readonly<Record<string, Dtype>> } | undefined
}

async function openTable(file: ParquetFile, options: PlanOptions): Promise<ParquetTable> {
  const [{ parquetMetadataAsync, parquetScan, parquetSchema }, groups, { parquetCodecs }] = await Promise.all([
    import('hyparquet'),
    import('hyparquet/src/schema.js'),
    import('../formats/parquet-codecs.ts'),
  ])
  const metadata = await parquetMetadataAsync(file, { geoparquet: false })
  const schema = parquetSchema(metadata)
  checkRowGroups(metadata, groups.getPhysicalColumns(schema))
  const { children } = schema
  const names = columnNames(children)
  const isList = children.map(each => groups.isListLike(each) || each.element.repetition_type === 'REPEATED')
  const shape = chooseRowShape(names, options.inputs, { ...options, isList })
  const { cells, encodeRow } = options.include ? withIncluded(shape, names, options) : shape
  const isTaken = new Set(shape.cells.map(({ column }) => column))
  const columns = cells.map(({ column, name, dtype }) => {
    const node = children[column] as SchemaTree
    // Only floating-point inputs take NaN and infinities. The output has them where no input takes the column.
    const isFloat = (isTaken.has(column) ? dtype : leafDtype(node.element))?.startsWith('float') === true
    const encode = createEncoder(node, groups, options.missing !== 'error' && isFloat)
    if (!encode)
      throw new InputUnreadable('INPUT_NOT_PARQUET', `column "${name}" is of type VARIANT, which is not supported`)
    const convert = isTaken.has(column) ? fitColumn(node, name, dtype) : undefined
    return convert ? { name, encode: (value: unknown) => convert(encode(value)), fitted: dtype } : { name, encode }
  })
  const scan = await parquetScan({
    file,
    metadata: rawMetadata(metadata, children, groups),
    compressors: parquetCodecs,
    utf8: false,
    parsers,
  })
  const dtypes = children.map(
    ({ element, children }) => [element.name, children.length === 0 && leafDtype(element)] as const,
  )
  const record = options.include && {
    columns: columns.map(({ name }) => name),
    types: {
      ...Object.fromEntries(dtypes.filter((each): each is [string, Dtype] => Boolean(each[1]))),
      // What the service takes is what is copied.
      ...Object.fromEntries(columns.flatMap(({ name, fitted }) => (fitted ? [[name, fitted]] : []))),
    },
  }
  return { scan, metadata, columns, encodeRow, record }
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

/** Yields JSON text of the rows from `firstRow` on, one slice at a time. */
async function* readSlices(
  { scan, metadata, columns, encodeRow }: ParquetTable,
  { firstRow, sliceBytes }: { readonly firstRow: number; readonly sliceBytes: number },
): AsyncGenerator<Iterable<string>> {
  if (columns.length === 0) return
  const sliceRows = sliceRowCount(metadata, columns.length, sliceBytes)
  for (const { rowStart, rowEnd } of scan.ranges) {
    for (let row = Math.max(rowStart, firstRow); row < rowEnd; row += sliceRows) {
      const slice = { rowStart: row, rowEnd: Math.min(row + sliceRows, rowEnd) }
      const values = await readColumns(
        scan,
        columns.map(({ name }) => name),
        slice,
      )
      yield encodeRows(slice.rowEnd - slice.rowStart, at =>
        encodeRow(columns.map(({ encode }, index) => encode(values[index]?.[at]))),
      )
    }
  }
}

function* encodeRows(rowCount: number, encodeRow: (row: number) => string): Generator<string> {
  for (let row = 0; row < rowCount; row++) yield encodeRow(row)
}

async function readColumns(scan: ParquetScan, names: readonly string[], slice: { rowStart: number; rowEnd: number }) {
  const values: ArrayLike<unknown>[] = []
  for (let at = 0; at < names.length; at += parallelColumns) {
    const some = names.slice(at, at + parallelColumns)
    values.push(...(await Promise.all(some.map(column => scan.readColumn({ column, ...slice })))))
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

function sliceRowCount({ row_groups, num_rows }: FileMetaData, columnCount: number, sliceBytes: number): number {
  const bytes = row_groups.reduce((sum, group) => sum + Number(group.total_byte_size), 0)
  return Math.max(1, Math.floor(sliceBytes / Math.max(bytes / Number(num_rows), 8 * columnCount)))
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
