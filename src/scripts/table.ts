/**
 * Reads tables in the forms that data scientists send: records, one record, columns, lists in the order of the columns, and
 * pandas' `orient="split"` (also "tight"), "table", "index" and "columns". All of them become lists by column.
 */
import { ScoringError } from '../errors.ts'
import { describeKind } from '../tensor/nested.ts'

/** Rows as they were sent, and their name in messages, e.g. `"data"`. */
export interface Table {
  readonly where: string
  readonly data: unknown
}

/** The columns of a table. */
export interface TableSchema {
  /** Names of the columns, in the order of the values in lists. */
  readonly names: readonly string[]
  /** Names of optional inputs, which were read before; for messages. */
  readonly optional?: readonly string[]
  /** Whether every column has a single value per row, so that an object of single values is a row. */
  readonly isPlain: boolean
}

/** Values by column, in the order of the schema; each is normally a list with one entry per row. */
export type Columns = ReadonlyMap<string, unknown>

/** A JSON object, or a map if its order was kept. */
export type Members = Readonly<Record<string, unknown>> | ReadonlyMap<string, unknown>

/** Limits for names in messages. */
const maxNames = 20
const maxNameLength = 64

/**
 * Reads a table in any form.
 *
 * @param where  name of the table in messages, e.g. `"data"`
 * @param data   any JSON value, without row labels (`withoutRowLabels`)
 * @throws ScoringError INPUT_MISSING, INPUT_UNKNOWN, INPUT_RAGGED or INPUT_TYPE_MISMATCH, naming the row, its value and a valid row
 */
export function readTable(where: string, data: unknown, schema: TableSchema): Columns {
  if (Array.isArray(data)) return readRows(where, data, schema)
  if (!isMembers(data)) throw mismatch(`${where} is ${describeKind(data)}; ${takes(schema)}`)
  if (isSplit(data) && !['columns', 'data'].every(name => schema.names.includes(name))) return readSplit(data, schema)
  checkNames(where, namesIn(data), schema)
  const columns = new Map(schema.names.map(name => [name, getMember(data, name)]))
  if (!schema.isPlain) return columns
  const lists = schema.names.filter(name => Array.isArray(columns.get(name)))
  if (lists.length === schema.names.length) return columns
  const [list] = lists
  const single = schema.names.find(name => !Array.isArray(columns.get(name))) as string
  if (list !== undefined) {
    const kinds = `${quote(list)} is a list, ${quote(single)} is ${describeKind(columns.get(single))}`
    throw mismatch(`${where} is neither a row nor columns: ${kinds}; ${takes(schema)}`)
  }
  return new Map(schema.names.map(name => [name, [columns.get(name)]]))
}

function readRows(where: string, rows: readonly unknown[], schema: TableSchema): Columns {
  const [first] = rows
  if (rows.length === 0) throw mismatch(`${where} is an empty list: it has no row`)
  if (isMembers(first)) return readRecords(rows, schema)
  if (Array.isArray(first)) return readLists(rows, schema.names, schema)
  throw mismatch(`row 0 is ${describeKind(first)}; ${takes(schema)}`)
}

function readRecords(rows: readonly unknown[], schema: TableSchema): Columns {
  const { names } = schema
  const columns = names.map(() => new Array<unknown>(rows.length))
  for (const [index, row] of rows.entries()) {
    if (!isMembers(row)) throw mismatch(`row ${index} is ${describeKind(row)}, row 0 is an object; ${takes(schema)}`)
    if (!hasExactly(row, names)) checkNames(`row ${index}`, namesIn(row), schema)
    for (let column = 0; column < names.length; column++) {
      ;(columns[column] as unknown[])[index] = getMember(row, names[column] as string)
    }
  }
  return new Map(names.map((name, column) => [name, columns[column]]))
}

/** @param order  names of the values of each row */
function readLists(rows: readonly unknown[], order: readonly string[], schema: TableSchema): Columns {
  const columns = order.map(() => new Array<unknown>(rows.length))
  for (const [index, row] of rows.entries()) {
    if (!Array.isArray(row)) throw mismatch(`row ${index} is ${describeKind(row)}, row 0 is a list; ${takes(schema)}`)
    if (row.length !== order.length) {
      const expected = `${order.length}: ${listed(order, name => name)}`
      throw new ScoringError('INPUT_RAGGED', `row ${index} has ${row.length} values, the model takes ${expected}`)
    }
    for (let column = 0; column < order.length; column++) (columns[column] as unknown[])[index] = row[column]
  }
  const byName = new Map(order.map((name, column) => [name, columns[column]]))
  return new Map(schema.names.map(name => [name, byName.get(name)]))
}

/** Reads `{"columns": […], "index": […], "data": [[…], …]}`, with columns in any order; the index is ignored. */
function readSplit(split: Members, schema: TableSchema): Columns {
  const order = (getMember(split, 'columns') as unknown[]).map(name => {
    if (typeof name === 'string' || typeof name === 'number') return String(name)
    throw mismatch(`"columns" has ${describeKind(name)}; it names ${listed(schema.names, quote)}`)
  })
  const seen = new Set<string>()
  const twice = order.find(name => seen.size === seen.add(name).size)
  if (twice !== undefined) throw mismatch(`"columns" has ${quote(twice)} twice`)
  checkNames('"columns"', order, schema)
  const rows = getMember(split, 'data') as unknown[]
  if (rows.length === 0) throw mismatch('"data" is an empty list: it has no row')
  return readLists(rows, order, schema)
}

export function isSplit(value: unknown): value is Members {
  return isMembers(value) && Array.isArray(getMember(value, 'columns')) && Array.isArray(getMember(value, 'data'))
}

/** Whether it is `{"schema": {"primaryKey": ["index"], …}, "data": [{"index": 0, …}, …]}`, as pandas writes with `orient="table"`. */
export function isWithSchema(value: unknown): value is Members {
  if (!isMembers(value) || !Array.isArray(getMember(value, 'data'))) return false
  const schema = getMember(value, 'schema')
  return isMembers(schema) && Array.isArray(getMember(schema, 'primaryKey'))
}

/** Returns the records of such a table without its primary key. */
export function withoutIndex(table: Members, names: readonly string[]): unknown[] {
  const keys = getMember(getMember(table, 'schema') as Members, 'primaryKey') as unknown[]
  const labels = new Set(keys)
  for (const name of names) labels.delete(name)
  return (getMember(table, 'data') as unknown[]).map(row =>
    isMembers(row) ? Object.fromEntries(Object.entries(row).filter(([name]) => !labels.has(name))) : row,
  )
}

/** Whether values are under row labels, as `df.to_json()` and `orient="index"` write them. */
export function hasRowLabels(value: unknown): value is Members {
  if (!isMembers(value)) return false
  const names = namesIn(value)
  return names.length > 0 && names.every(name => isMembers(getMember(value, name)))
}

/**
 * Removes row labels.
 *
 * @param table  parsed in order: a plain object would sort numeric labels and so swap rows
 * @returns columns or records without labels
 * @throws ScoringError INPUT_RAGGED when the labels of columns differ
 */
export function withoutRowLabels(table: Members, names: readonly string[]): unknown {
  const outer = namesIn(table)
  const known = new Set(names)
  if (!outer.some(name => known.has(name))) return outer.map(label => getMember(table, label))
  const [first = ''] = outer
  const labels = namesIn(getMember(table, first) as Members)
  return new Map(
    outer.map(name => {
      const column = getMember(table, name) as Members
      const own = namesIn(column)
      if (own.length !== labels.length || own.some((label, index) => label !== labels[index])) {
        throw new ScoringError('INPUT_RAGGED', `${quote(name)} has other row labels than ${quote(first)}`)
      }
      return [name, own.map(label => getMember(column, label))]
    }),
  )
}

/** @throws ScoringError INPUT_UNKNOWN or INPUT_MISSING */
export function checkNames(where: string, given: readonly string[], { names, optional = [] }: TableSchema): void {
  const known = new Set(names)
  const has = new Set(given)
  const takesNames = () => `the model takes ${listed([...names, ...optional], quote)}`
  const unknown = given.find(name => !known.has(name))
  if (unknown !== undefined) throw new ScoringError('INPUT_UNKNOWN', `${where} has ${quote(unknown)}; ${takesNames()}`)
  const absent = names.find(name => !has.has(name))
  if (absent !== undefined) throw new ScoringError('INPUT_MISSING', `${where} lacks ${quote(absent)}; ${takesNames()}`)
}

function hasExactly(row: Members, names: readonly string[]): boolean {
  if (row instanceof Map) return row.size === names.length && names.every(name => row.has(name))
  return Object.keys(row).length === names.length && names.every(name => Object.hasOwn(row, name))
}

export function isMembers(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function namesIn(members: Members): string[] {
  return members instanceof Map ? [...members.keys()] : Object.keys(members)
}

/** Reads own members only, so that `__proto__` is a name like any other. */
export function getMember(members: Members, name: string): unknown {
  if (members instanceof Map) return members.get(name)
  return Object.hasOwn(members, name) ? (members as Record<string, unknown>)[name] : undefined
}

/** Describes a valid row. */
function takes({ names, isPlain }: TableSchema): string {
  const record = `{${listed(names, name => `${quote(name)}: …`)}}`
  const list = `[${listed(names, name => name)}]`
  return `a row is ${record}${isPlain ? '' : ', with a list where the model takes one'}, or the list ${list}`
}

function listed(names: readonly string[], write: (name: string) => string): string {
  const shown = names.slice(0, maxNames).map(write).join(', ')
  return names.length > maxNames ? `${shown}, … (${names.length} in all)` : shown
}

function quote(name: string): string {
  return JSON.stringify(name.length > maxNameLength ? `${name.slice(0, maxNameLength)}…` : name)
}

function mismatch(message: string): ScoringError {
  return new ScoringError('INPUT_TYPE_MISMATCH', message)
}
