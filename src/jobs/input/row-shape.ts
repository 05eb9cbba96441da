import type { TensorInfo } from '../../engine/model-session.ts'
import type { Dtype } from '../../tensor/dtype.ts'
import type { DeclaredShape } from '../../tensor/shape.ts'
import { InputUnreadable } from './planned-chunk.ts'

/** How rows are made of the columns of a CSV or Parquet file. */
export interface RowShape {
  /** The cells that a row is made of; `dtype` undefined: as the cell looks. */
  readonly cells: readonly { readonly column: number; readonly name: string; readonly dtype: Dtype | undefined }[]
  /** A row is the flat list of all columns, each a number. */
  readonly isNumberList: boolean
  /** @param cells  JSON text of each of them. @returns JSON text of the row */
  rowOf(cells: readonly string[]): string
}

/**
 * - One input: all columns in their order, as the list that the input takes for a row: flat for [N, 10], nested for [N, 1, 8, 8],
 *   the value itself for [N].
 * - Several: an object of the inputs. Column `age` fills the input "age"; columns `pixels[0]`, `pixels[1]`, … fill a wider one.
 *   Other columns are left out.
 * - None declared: an object of all columns.
 *
 * A column of Parquet lists may fill an input alone, and is taken as it is.
 *
 * @param isList  by column: its cells are lists
 * @throws InputUnreadable INPUT_COLUMNS_UNFIT: columns that no row of could be scored, with what would work
 */
export function rowShapeOf(
  columns: readonly string[],
  inputs: readonly TensorInfo[] | undefined,
  isList: readonly boolean[] = [],
): RowShape {
  const all = columns.map((_, column) => column)
  const [only] = inputs ?? []
  if (!inputs || !only) {
    const twice = columns.find((name, index) => columns.indexOf(name) !== index)
    if (twice !== undefined) throw unfit(`two columns are named "${twice}", and rows are objects by column name`)
    const keys = columns.map(name => `${JSON.stringify(name)}:`)
    return {
      cells: all.map(column => ({ column, name: columns[column] as string, dtype: undefined })),
      isNumberList: false,
      rowOf: cells => `{${cells.map((cell, index) => keys[index] + cell).join(',')}}`,
    }
  }
  const fillings = inputs.map(input => {
    const taken = inputs.length === 1 ? all : columnsFor(input, columns)
    const isWhole = taken.length === 1 && isList[taken[0] as number] === true
    const inner = isWhole ? undefined : innerSizes(input, taken.length)
    return { input, taken, inner, key: `${JSON.stringify(input.name)}:` }
  })
  return {
    isNumberList: fillings.length === 1 && fillings[0]?.inner?.length === 1 && isNumeric(only.dtype),
    cells: fillings.flatMap(({ input, taken }) =>
      taken.map(column => ({ column, name: columns[column] as string, dtype: input.dtype })),
    ),
    rowOf: cells => {
      if (fillings.length === 1) return nest(cells, fillings[0]?.inner)
      const members: string[] = []
      let at = 0
      for (const { taken, inner, key } of fillings) {
        members.push(key + nest(cells.slice(at, at + taken.length), inner))
        at += taken.length
      }
      return `{${members.join(',')}}`
    },
  }
}

function isNumeric(dtype: Dtype): boolean {
  return dtype !== 'string' && dtype !== 'bool'
}

/** Columns that fill one of several inputs. */
function columnsFor({ name }: TensorInfo, columns: readonly string[]): number[] {
  const numbered: number[] = []
  for (let index = 0; columns.includes(`${name}[${index}]`); index++)
    numbered.push(columns.indexOf(`${name}[${index}]`))
  const taken = columns.includes(name) ? [columns.indexOf(name)] : numbered
  if (taken.length === 0) {
    throw unfit(`no column is named "${name}" (or "${name}[0]", "${name}[1]", …), which the service takes`)
  }
  const twice = taken
    .map(column => columns[column] as string)
    .find(each => columns.indexOf(each) !== columns.lastIndexOf(each))
  if (twice !== undefined) throw unfit(`two columns are named "${twice}"`)
  return taken
}

/**
 * Sizes of a row's lists, outermost first: the declared shape without its first dimension, which is that of the rows. One open
 * dimension takes what the columns leave it.
 */
function innerSizes({ name, shape }: TensorInfo, count: number): number[] {
  if (!shape) return count === 1 ? [] : [count]
  const inner = isPlainValue(shape) ? [] : shape.length === 1 ? shape : shape.slice(1)
  const open = inner.filter(size => !isFixed(size)).length
  const fixed = inner.filter(isFixed).reduce((product, size) => product * size, 1)
  if (open > 1 || (open === 0 ? fixed !== count : count % fixed !== 0)) {
    const takes =
      open > 1 ? 'lists of more than one open size; write the rows as JSON' : `${open ? 'a multiple of ' : ''}${fixed}`
    throw unfit(`${count} column(s) fill the input "${name}" of shape [${shape.join(', ')}], which takes ${takes}`)
  }
  return inner.map(size => (isFixed(size) ? size : count / fixed))
}

/** A model without dimensions beside that of the rows takes a value a row. */
function isPlainValue(shape: DeclaredShape): boolean {
  return shape.length === 0 || (shape.length === 1 && (!isFixed(shape[0]) || shape[0] === 1))
}

function isFixed(size: number | string | undefined): size is number {
  return typeof size === 'number' && size > 0
}

/** @param sizes  undefined: the only cell is the list */
function nest(cells: readonly string[], sizes: readonly number[] | undefined): string {
  if (!sizes || sizes.length === 0) return cells[0] as string
  const [, ...inner] = sizes
  if (inner.length === 0) return `[${cells.join(',')}]`
  const width = inner.reduce((product, size) => product * size, 1)
  const lists: string[] = []
  for (let at = 0; at < cells.length; at += width) lists.push(nest(cells.slice(at, at + width), inner))
  return `[${lists.join(',')}]`
}

function unfit(what: string): InputUnreadable {
  return new InputUnreadable('INPUT_COLUMNS_UNFIT', `the columns of the input do not fit the service: ${what}`)
}
