/** Reads columns of lists of numbers without an array for each list, which would take all memory where a row group is large. */
import type { AsyncBuffer, FileMetaData, SchemaTree } from 'hyparquet'
import { joinLists, type ListValues, sliceLists } from '../formats/list-values.ts'
import { fault } from '../formats/parquet-file.ts'
import { type ListPath, ListRows, type OpenRow } from './list-rows.ts'
import { type ColumnPage, readPages } from './parquet-pages.ts'
import type { ColumnToPack } from './prepared-columns.ts'

interface ListFile extends Pick<ListPath, 'assemble'> {
  readonly file: AsyncBuffer
  /** Without logical types, as values are read raw. */
  readonly metadata: FileMetaData
}

/** A column of lists in a file. */
interface ListColumn extends ListPath, ListFile {
  /** Of the column among those that hold values. */
  readonly index: number
}

/**
 * @param columns  of which some are lists of numbers
 * @param root  of the schema
 * @returns readers of those that are, by name
 */
export function openLists(
  columns: readonly ColumnToPack[],
  { root, ...file }: ListFile & { readonly root: SchemaTree },
): ReadonlyMap<string, ListReader> {
  const traitsOf = new Map(columns.map(column => [column.name, column]))
  const lists = new Map<string, ListReader>()
  let index = 0
  for (const column of root.children) {
    const { name } = column.element
    const traits = traitsOf.get(name)
    if (traits?.list)
      lists.set(name, new ListReader({ ...file, column, schemaPath: [root, ...pathDown(column)], index, traits }))
    index += countLeaves(column)
  }
  return lists
}

function pathDown(column: SchemaTree): SchemaTree[] {
  const [child] = column.children
  return child ? [column, ...pathDown(child)] : [column]
}

function countLeaves({ children }: SchemaTree): number {
  return children.length === 0 ? 1 : children.reduce((sum, child) => sum + countLeaves(child), 0)
}

/** A row group, of which some rows are read. */
interface OpenGroup {
  /** Its first row. */
  readonly start: number
  readonly blocks: AsyncGenerator<ListValues, void>
}

/** Reads the rows of a column in order. */
export class ListReader {
  readonly #column: ListColumn
  readonly #rows: ListRows
  #group: OpenGroup | undefined
  /** Rows that were read and not asked for yet. */
  #held: ListValues | undefined
  /** The row of the file that follows those that were asked for. */
  #row = 0

  constructor(column: ListColumn) {
    this.#column = column
    this.#rows = new ListRows(column)
  }

  /** Of all lists of the file in memory, at most. */
  get numberBytes(): number {
    const { metadata, index } = this.#column
    const counts = metadata.row_groups.map(({ columns }) => Number(columns[index]?.meta_data?.num_values ?? 0))
    return counts.reduce((sum, count) => sum + count, 0) * new this.#rows.Numbers(0).BYTES_PER_ELEMENT
  }

  /** @param range  rows of one row group, behind those that were read before */
  async read({ rowStart, rowEnd }: { readonly rowStart: number; readonly rowEnd: number }): Promise<ListValues> {
    const { blocks } = this.#open(rowStart)
    const parts: ListValues[] = []
    while (this.#row < rowEnd) {
      const block = this.#held ?? (await blocks.next()).value
      if (!block) throw this.#tooShort()
      const first = this.#row
      const [from, to] = [Math.max(rowStart - first, 0), Math.min(rowEnd - first, block.length)]
      if (to > from) parts.push(sliceLists(block, from, to))
      this.#held = to < block.length ? sliceLists(block, to, block.length) : undefined
      this.#row = first + to
    }
    return joinLists(parts, this.#rows.Numbers)
  }

  #open(row: number): OpenGroup {
    const { metadata, index, schemaPath, file } = this.#column
    let start = 0
    for (const { num_rows, columns } of metadata.row_groups) {
      const end = start + Number(num_rows)
      if (row >= end) {
        start = end
        continue
      }
      if (this.#group?.start === start) return this.#group
      const chunk = columns[index]?.meta_data
      if (!chunk) break
      this.#held = undefined
      this.#row = start
      this.#group = { start, blocks: rowsOfPages(readPages(file, { metadata: chunk, schemaPath }), this.#rows) }
      return this.#group
    }
    throw this.#tooShort()
  }

  #tooShort() {
    return fault(`has fewer rows in column "${this.#column.column.element.name}" than it declares`)
  }
}

/** Yields the rows of a page at a time, and each that may end in another page by itself. */
export async function* rowsOfPages(
  pages: AsyncIterable<ColumnPage> | Iterable<ColumnPage>,
  rows: ListRows,
): AsyncGenerator<ListValues, void> {
  let open: OpenRow | undefined
  for await (const page of pages) {
    const { repetitions } = page
    const found = repetitions.indexOf(0)
    const begin = found < 0 ? repetitions.length : found
    if (begin > 0) {
      if (!open) throw fault('has a list without a beginning')
      extend(open, rows.take(page, { from: 0, to: begin, firstValue: 0 }))
    }
    if (found < 0) continue
    if (open) yield rows.make(open, { from: 0, to: open.repetitions.length, firstValue: 0 })
    const last = repetitions.lastIndexOf(0)
    const firstValue = rows.countValues(page, 0, begin)
    const lastValue = firstValue + rows.countValues(page, begin, last)
    open = rows.take(page, { from: last, to: repetitions.length, firstValue: lastValue })
    yield rows.make(page, { from: begin, to: last, firstValue })
  }
  if (open) yield rows.make(open, { from: 0, to: open.repetitions.length, firstValue: 0 })
}

function extend(open: OpenRow, more: OpenRow): void {
  for (const each of more.repetitions) open.repetitions.push(each)
  for (const each of more.definitions) open.definitions.push(each)
  for (const each of more.values) open.values.push(each)
}
