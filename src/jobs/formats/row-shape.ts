import type { TensorInfo } from '../../models/session/model-session.ts'
import type { Dtype } from '../../tensor/dtype.ts'
import type { DeclaredShape } from '../../tensor/shape.ts'
import { InputUnreadable } from '../failure.ts'
import { columnFinder, listed, nearestName, repeatedName } from './column-names.ts'
import { splitArray } from './split-json.ts'

/** The mapping from columns of a CSV or Parquet file to rows. */
export interface RowShape {
  /** The cells of a row. A cell without `dtype` is a number if it looks like one. */
  readonly cells: readonly {
    readonly column: number
    readonly name: string
    readonly dtype: Dtype | undefined
    /** The input that the cell fills alone, if it may be a list. */
    readonly whole?: TensorInfo | undefined
  }[]
  /** Whether a row is the flat list of all columns, each a number. */
  readonly isNumberList: boolean
  /** @param cells  JSON text of each cell. @returns JSON text of the row */
  encodeRow(cells: readonly string[]): string
}

/** Column names from outside the input. */
export interface TableNames {
  /** Names of the values of a row, in the order of the model input: `input.columns` of `service.json` or of the job. */
  readonly names?: readonly string[] | undefined
  /** Columns of a CSV without header, from left to right: `input.columns` of the job. */
  readonly fileColumns?: readonly string[] | undefined
}

interface RowShapeOptions extends TableNames {
  /** For each column of a Parquet file or of JSON records, whether its cells may be lists. */
  readonly isList?: readonly boolean[]
}

/**
 * Maps columns to the rows that a service takes:
 *
 * - One input: a row is the list of all columns in order, nested as the input's shape: flat for [N, 10], nested for [N, 1, 8, 8], a
 *   plain value for [N]. If the values have names, the columns are found by name, and other columns are ignored. So are columns
 *   beside one with the input's name, if the input takes a single value.
 * - Several inputs: a row is an object by input. Column `age` fills the input "age"; columns `pixels[0]`, `pixels[1]`, … fill a wider
 *   one. Other columns are ignored.
 * - No declared inputs: a row is an object of all columns, or of the named ones.
 *
 * A single column of lists, of Parquet or JSON, may fill an input, and keeps its nesting.
 *
 * @throws InputUnreadable INPUT_COLUMNS_UNFIT when no row of these columns could be scored; the message says what would work
 */
export function chooseRowShape(
  columns: readonly string[],
  inputs: readonly TensorInfo[] | undefined,
  options: RowShapeOptions = {},
): RowShape {
  try {
    return fitColumns(columns, inputs, options)
  } catch (failure) {
    const separator = options.isList ? undefined : separatorIn(columns)
    if (separator === undefined) throw failure
    const found = separator === '\t' ? 'tabs' : `"${separator}"`
    throw unfit(
      `the header names one column; if ${found} separate them, set "delimiter": ${JSON.stringify(separator)} in the input of the job`,
    )
  }
}

/** @returns what separates columns instead of commas: spreadsheets write others in countries with decimal commas */
function separatorIn(columns: readonly string[]): string | undefined {
  const [only = ''] = columns
  return columns.length === 1 ? /[;\t|]/.exec(only)?.[0] : undefined
}

function fitColumns(
  columns: readonly string[],
  inputs: readonly TensorInfo[] | undefined,
  { names, isList: listColumns }: RowShapeOptions,
): RowShape {
  const isText = listColumns === undefined
  const isList = listColumns ?? []
  const [only] = inputs ?? []
  if (names && inputs && inputs.length > 1) {
    throw unfit(
      '"columns" applies to services with one input; this one has several, and its columns are found by their names',
    )
  }
  const known = names ?? ownName(inputs, columns)
  const taken = known ? columnsNamed(known, columns) : columns.map((_, column) => column)
  if (!inputs || !only) {
    // Every column fits such a service, also one that holds whole records.
    if (isText && !known && columns.length === 1 && /[;\t]\S/.test(columns[0] ?? '')) throw unfit('one column')
    return objectShape(taken, columns)
  }
  const find = columnFinder(columns, inputs.length > 1 ? inputs.map(({ name }) => name) : [])
  const fillings = inputs.map(input => {
    const own = inputs.length === 1 ? taken : columnsFor(input, columns, find)
    const mayBeWhole = own.length === 1 && isList[own[0] as number] === true
    const inner = mayBeWhole ? sizesIfFit(input, 1) : innerSizes(input, own.length)
    return { input, taken: own, whole: mayBeWhole ? input : undefined, inner, key: `${JSON.stringify(input.name)}:` }
  })
  const isInOrder = taken.length === columns.length && taken.every((column, index) => column === index)
  return {
    isNumberList: isInOrder && fillings.length === 1 && fillings[0]?.inner?.length === 1 && isNumeric(only.dtype),
    cells: fillings.flatMap(({ input, taken, whole }) =>
      taken.map(column => ({ column, name: columns[column] as string, dtype: input.dtype, whole })),
    ),
    encodeRow: cells => {
      const [first] = fillings
      if (fillings.length === 1) return nestList(nest(cells, first?.inner), first?.whole)
      const members: string[] = []
      let at = 0
      for (const { taken, inner, key, whole } of fillings) {
        members.push(key + nestList(nest(cells.slice(at, at + taken.length), inner), whole))
        at += taken.length
      }
      return `{${members.join(',')}}`
    },
  }
}

/**
 * Names columns of a CSV without header by their position.
 *
 * @param count  number of columns
 * @throws InputUnreadable INPUT_COLUMNS_UNFIT when the inputs of the service do not determine the names
 */
export function namesByPosition(
  count: number,
  inputs: readonly TensorInfo[] | undefined,
  { names }: TableNames,
): readonly string[] {
  if (names) return names
  if (inputs?.length === 1) return Array.from({ length: count }, (_, index) => `column ${index + 1}`)
  const values = inputs && namedValues(inputs)
  if (values) return values.map(({ name }) => name)
  const why = inputs ? 'the inputs have open sizes' : 'the service takes rows by name'
  throw unfit(`there is no header, and ${why}; set "columns" in the input of the job`)
}

/** The values of a row in order, with the names of their columns. @returns undefined when a size of an input is open */
export function namedValues(inputs: readonly TensorInfo[]): { name: string; dtype: Dtype }[] | undefined {
  const values: { name: string; dtype: Dtype }[] = []
  for (const { name, shape, dtype } of inputs) {
    if (!shape) return undefined
    const inner = isPlainValue(shape) ? [] : shape.slice(1)
    if (!inner.every(isFixed)) return undefined
    const width = inner.reduce((product, size) => product * size, 1)
    if (width === 1) values.push({ name, dtype })
    else for (let index = 0; index < width; index++) values.push({ name: `${name}[${index}]`, dtype })
  }
  return values
}

/** The name of the only input, if it takes a single value from a column of that name beside others. */
function ownName(inputs: readonly TensorInfo[] | undefined, columns: readonly string[]): string[] | undefined {
  const [only] = inputs ?? []
  if (!inputs || !only || inputs.length > 1 || columns.length === 1) return undefined
  return columns.includes(only.name) && namedValues(inputs)?.length === 1 ? [only.name] : undefined
}

/** The shape of rows that are objects by column name. */
function objectShape(taken: readonly number[], columns: readonly string[]): RowShape {
  const names = taken.map(column => columns[column] as string)
  const twice = repeatedName(names)
  if (twice !== undefined) throw unfit(`two columns are named "${twice}", and rows are objects by column name`)
  const keys = names.map(name => `${JSON.stringify(name)}:`)
  return {
    cells: taken.map(column => ({ column, name: columns[column] as string, dtype: undefined })),
    isNumberList: false,
    encodeRow: cells => `{${cells.map((cell, index) => keys[index] + cell).join(',')}}`,
  }
}

/** @returns indexes of the named columns */
function columnsNamed(names: readonly string[], columns: readonly string[]): number[] {
  const find = columnFinder(columns, names)
  const missing = names.filter(name => find(name) === undefined)
  if (missing.length > 0) throw noColumn(missing, names, columns)
  const found = names.map(name => find(name) as number)
  requireOnce(
    found.map(column => columns[column] as string),
    columns,
  )
  return found
}

/** The failure for missing columns. It lists unknown columns, and suggests those that were probably meant. */
function noColumn(missing: readonly string[], names: readonly string[], columns: readonly string[]): InputUnreadable {
  const known = new Set(names)
  const unknown = columns.filter(name => !known.has(name))
  const lacking = (name: string) => {
    const nearest = nearestName(name, unknown)
    return nearest === undefined ? `"${name}"` : `"${name}" (did you mean "${nearest}"?)`
  }
  const others = unknown.length === 0 ? '' : `; unknown: ${listed(unknown, name => `"${name}"`)}`
  return unfit(`missing: ${listed(missing, lacking)}${others}`)
}

function requireOnce(taken: readonly string[], columns: readonly string[]): void {
  const seen = new Set<string>()
  const takenNames = new Set(taken)
  for (const name of columns) {
    if (seen.has(name) && takenNames.has(name)) throw unfit(`two columns are named "${name}"`)
    seen.add(name)
  }
}

function isNumeric(dtype: Dtype): boolean {
  return dtype !== 'string' && dtype !== 'bool'
}

/** Finds the columns that fill one of several inputs. */
function columnsFor(
  { name }: TensorInfo,
  columns: readonly string[],
  find: (name: string) => number | undefined,
): number[] {
  const own = find(name)
  const taken = own === undefined ? [] : [own]
  // A column with the input's own name precedes numbered ones.
  for (let index = 0; own === undefined; index++) {
    const column = find(`${name}[${index}]`)
    if (column === undefined) break
    taken.push(column)
  }
  if (taken.length === 0) {
    const nearest = nearestName(name, columns)
    const meant = nearest === undefined ? '' : `; did you mean "${nearest}"?`
    throw unfit(`no column is named "${name}" (or "${name}[0]", "${name}[1]", …), which the service takes${meant}`)
  }
  requireOnce(
    taken.map(column => columns[column] as string),
    columns,
  )
  return taken
}

/**
 * Sizes of a row's lists, outermost first: the declared shape without its first dimension, the rows. One dimension may be open, and is
 * filled by the number of columns.
 */
function innerSizes({ name, shape }: TensorInfo, count: number): number[] {
  if (!shape) return count === 1 ? [] : [count]
  const inner = isPlainValue(shape) ? [] : shape.length === 1 ? shape : shape.slice(1)
  const open = inner.filter(size => !isFixed(size)).length
  const fixed = inner.filter(isFixed).reduce((product, size) => product * size, 1)
  if (open > 1 || (open === 0 ? fixed !== count : count % fixed !== 0)) {
    const takes =
      open > 1 ? 'lists with several open sizes; write the rows as JSON' : `${open ? 'a multiple of ' : ''}${fixed}`
    throw unfit(
      `${count} column(s) fill the input "${name}" of shape [${shape.join(', ')}], which takes ${takes}; "columns" in the input of the job can select columns`,
    )
  }
  return inner.map(size => (isFixed(size) ? size : count / fixed))
}

/** Whether a row is a plain value: the shape has no dimension beside the rows. */
function isPlainValue(shape: DeclaredShape): boolean {
  return shape.length === 0 || (shape.length === 1 && (!isFixed(shape[0]) || shape[0] === 1))
}

function isFixed(size: number | string | undefined): size is number {
  return typeof size === 'number' && size > 0
}

/** Nests a flat list of values as an input is nested, like the cells of a CSV. @returns any other JSON text as it is */
export function nestList(json: string, input: TensorInfo | undefined): string {
  if (!input || (input.shape?.length ?? 0) < 3 || !/^\[\s*[^\s[{\]]/.test(json)) return json
  const values = splitArray(json)
  const sizes = values && !values.some(value => /^[[{]/.test(value)) ? sizesIfFit(input, values.length) : undefined
  return sizes ? nest(values ?? [], sizes) : json
}

/** @returns the sizes of the lists that so many values make; undefined when they make none of these */
export function sizesIfFit(input: TensorInfo, count: number): number[] | undefined {
  try {
    return innerSizes(input, count)
  } catch {
    return undefined
  }
}

/** @param sizes  undefined when the only cell has to be the list itself */
export function nest(cells: readonly string[], sizes: readonly number[] | undefined): string {
  const [only = ''] = cells
  if (!sizes || sizes.length === 0 || (cells.length === 1 && /^[[{]/.test(only))) return only
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
