import type { TensorInfo } from '../../models/session/model-session.ts'
import type { Dtype } from '../../tensor/dtype.ts'
import type { DeclaredShape } from '../../tensor/shape.ts'
import { nearestName } from './nearest-name.ts'
import { InputUnreadable } from './planned-chunk.ts'
import { repeatedName } from './repeated-name.ts'

/** How rows are made of the columns of a CSV or Parquet file. */
export interface RowShape {
  /** The cells that a row is made of; `dtype` undefined: as the cell looks. */
  readonly cells: readonly { readonly column: number; readonly name: string; readonly dtype: Dtype | undefined }[]
  /** A row is the flat list of all columns, each a number. */
  readonly isNumberList: boolean
  /** @param cells  JSON text of each of them. @returns JSON text of the row */
  rowOf(cells: readonly string[]): string
}

/** What is known of the columns besides what the input says of itself. */
export interface TableNames {
  /** Of the values of a row, in the order in which the service takes them: `input.columns` of `service.json` or of the job. */
  readonly names?: readonly string[] | undefined
  /** What stands in a CSV without header, from left to right: `input.columns` of the job. */
  readonly fileColumns?: readonly string[] | undefined
}

/**
 * - One input: all columns in their order, as the list that the input takes for a row: flat for [N, 10], nested for [N, 1, 8, 8],
 *   the value itself for [N]. Where the values have names, the columns of these names, in whatever order; others are left out,
 *   as they are beside the one column that a single value takes, if it has the input's name.
 * - Several: an object of the inputs. Column `age` fills the input "age"; columns `pixels[0]`, `pixels[1]`, … fill a wider one.
 *   Other columns are left out.
 * - None declared: an object of all columns, or of those that have the names.
 *
 * A column of Parquet lists may fill an input alone, and is taken as it is.
 *
 * @param isList  by column: its cells are lists
 * @throws InputUnreadable INPUT_COLUMNS_UNFIT: columns that no row of could be scored, with what would work
 */
export function rowShapeOf(
  columns: readonly string[],
  inputs: readonly TensorInfo[] | undefined,
  { names }: TableNames = {},
  isList: readonly boolean[] = [],
): RowShape {
  const [only] = inputs ?? []
  if (names && inputs && inputs.length > 1) {
    throw unfit('"columns" is for services with one input; the columns of this one have the names of its inputs')
  }
  const known = names ?? ownName(inputs, columns)
  const taken = known ? columnsNamed(known, columns) : columns.map((_, column) => column)
  if (!inputs || !only) return objectShape(taken, columns)
  const places = placesIn(columns)
  const fillings = inputs.map(input => {
    const own = inputs.length === 1 ? taken : columnsFor(input, columns, places)
    const isWhole = own.length === 1 && isList[own[0] as number] === true
    const inner = isWhole ? undefined : innerSizes(input, own.length)
    return { input, taken: own, inner, key: `${JSON.stringify(input.name)}:` }
  })
  const isInOrder = taken.length === columns.length && taken.every((column, index) => column === index)
  return {
    isNumberList: isInOrder && fillings.length === 1 && fillings[0]?.inner?.length === 1 && isNumeric(only.dtype),
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

/**
 * What columns without names are called, by their place.
 *
 * @param count  of them
 * @throws InputUnreadable INPUT_COLUMNS_UNFIT: it takes names to tell which is which
 */
export function namesByPlace(
  count: number,
  inputs: readonly TensorInfo[] | undefined,
  { names }: TableNames,
): readonly string[] {
  if (names) return names
  if (inputs?.length === 1) return Array.from({ length: count }, (_, index) => `column ${index + 1}`)
  const places = inputs && placesOf(inputs)
  if (places) return places.map(({ name }) => name)
  const why = inputs ? 'how many columns fill each input is open' : 'the service takes rows by name'
  throw unfit(`there is no header, and ${why}; say "columns" in the input of the job`)
}

/** Each value of a row in its order, under the name that its column has. @returns undefined: an input is open, or of any shape */
export function placesOf(inputs: readonly TensorInfo[]): { name: string; dtype: Dtype }[] | undefined {
  const places: { name: string; dtype: Dtype }[] = []
  for (const { name, shape, dtype } of inputs) {
    if (!shape) return undefined
    const inner = isPlainValue(shape) ? [] : shape.slice(1)
    if (!inner.every(isFixed)) return undefined
    const width = inner.reduce((product, size) => product * size, 1)
    if (width === 1) places.push({ name, dtype })
    else for (let index = 0; index < width; index++) places.push({ name: `${name}[${index}]`, dtype })
  }
  return places
}

/** A single value a row may stand beside others under the name of its input. @returns undefined: it does not */
function ownName(inputs: readonly TensorInfo[] | undefined, columns: readonly string[]): string[] | undefined {
  const [only] = inputs ?? []
  if (!inputs || !only || inputs.length > 1 || columns.length === 1) return undefined
  return columns.includes(only.name) && placesOf(inputs)?.length === 1 ? [only.name] : undefined
}

/** An object of the columns. */
function objectShape(taken: readonly number[], columns: readonly string[]): RowShape {
  const names = taken.map(column => columns[column] as string)
  const twice = repeatedName(names)
  if (twice !== undefined) throw unfit(`two columns are named "${twice}", and rows are objects by column name`)
  const keys = names.map(name => `${JSON.stringify(name)}:`)
  return {
    cells: taken.map(column => ({ column, name: columns[column] as string, dtype: undefined })),
    isNumberList: false,
    rowOf: cells => `{${cells.map((cell, index) => keys[index] + cell).join(',')}}`,
  }
}

/** Where each column is; of two with the same name, the last. */
function placesIn(columns: readonly string[]): ReadonlyMap<string, number> {
  return new Map(columns.map((name, column) => [name, column]))
}

/** @returns where each of the names is */
function columnsNamed(names: readonly string[], columns: readonly string[]): number[] {
  const places = placesIn(columns)
  const missing = names.filter(name => !places.has(name))
  if (missing.length > 0) throw noColumn(missing, names, columns)
  mustBeOnce(names, columns)
  return names.map(name => places.get(name) as number)
}

/** The input has none of these columns: says which it has that the service does not know, and which was probably meant. */
function noColumn(missing: readonly string[], names: readonly string[], columns: readonly string[]): InputUnreadable {
  const known = new Set(names)
  const strangers = columns.filter(name => !known.has(name))
  const lacking = (name: string) => {
    const nearest = nearestName(name, strangers)
    return nearest === undefined ? `"${name}"` : `"${name}" (is it "${nearest}"?)`
  }
  const others = strangers.length === 0 ? '' : `; unknown: ${listed(strangers, name => `"${name}"`)}`
  return unfit(`missing: ${listed(missing, lacking)}${others}`)
}

const maxListed = 10

function listed(names: readonly string[], write: (name: string) => string): string {
  const shown = names.slice(0, maxListed).map(write).join(', ')
  return names.length > maxListed ? `${shown} and ${names.length - maxListed} more` : shown
}

function mustBeOnce(taken: readonly string[], columns: readonly string[]): void {
  const seen = new Set<string>()
  const wanted = new Set(taken)
  for (const name of columns) {
    if (seen.has(name) && wanted.has(name)) throw unfit(`two columns are named "${name}"`)
    seen.add(name)
  }
}

function isNumeric(dtype: Dtype): boolean {
  return dtype !== 'string' && dtype !== 'bool'
}

/** Columns that fill one of several inputs. */
function columnsFor({ name }: TensorInfo, columns: readonly string[], places: ReadonlyMap<string, number>): number[] {
  const own = places.get(name)
  const taken = own === undefined ? [] : [own]
  // Numbered from 0; a column that has the name itself goes before them.
  for (let index = 0; own === undefined; index++) {
    const place = places.get(`${name}[${index}]`)
    if (place === undefined) break
    taken.push(place)
  }
  if (taken.length === 0) {
    const nearest = nearestName(name, columns)
    const meant = nearest === undefined ? '' : `; is it "${nearest}"?`
    throw unfit(`no column is named "${name}" (or "${name}[0]", "${name}[1]", …), which the service takes${meant}`)
  }
  mustBeOnce(
    taken.map(column => columns[column] as string),
    columns,
  )
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
    throw unfit(
      `${count} column(s) fill the input "${name}" of shape [${shape.join(', ')}], which takes ${takes}; "columns" in the input of the job names those to take`,
    )
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
