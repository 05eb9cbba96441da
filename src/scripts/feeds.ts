import { InputShapeMismatch, NoRows, ScoringError } from '../errors.ts'
import type { Feeds, TensorInfo } from '../models/session/model-session.ts'
import type { JsonSource } from '../tensor/json-source.ts'
import { decodeNested, type NonFiniteInput } from '../tensor/nested.ts'
import { isByRow, isColumn } from '../tensor/shape.ts'
import { Tensor } from '../tensor/tensor.ts'
import { decodeNamedValues } from './named-values.ts'
import {
  type Columns,
  checkNames,
  getMember,
  hasRowLabels,
  isMembers,
  isSplit,
  isWithSchema,
  type Members,
  namesIn,
  readTable,
  type Table,
  type TableSchema,
  withoutIndex,
  withoutRowLabels,
} from './table.ts'

/** Settings of `service.json` for rows in requests. */
export interface RowSettings {
  /** Whether `null`, NaN and infinities are values or errors where floats are declared; default: values. */
  readonly missing?: 'nan' | 'error'
  /** Names for the values of a row, if a single input takes several values. */
  readonly columns?: readonly string[]
}

interface DecodeOptions extends RowSettings {
  /** Inputs with a default in the graph; they may be given by name, beside the rows. */
  readonly optionalInputs?: readonly TensorInfo[]
}

/**
 * Reads the tensors of a request from its `data`: nested lists for one input, `{"<input>": […], …}` for several, or a table
 * in any form that `readTable` reads. An input of shape [n, 1] also takes a list of single values. `input_data` (MLflow),
 * `Inputs` (AutoML) or the table itself may replace `data`; other members are ignored, as in Azure ML.
 *
 * @param inputs  the inputs that the graph or the script declares
 * @param source  the text that the parameters were parsed from; absent: their members are in the order of the text
 * @throws ScoringError INPUT_MISSING, INPUT_UNKNOWN, INPUT_RAGGED, INPUT_TYPE_MISMATCH, InputShapeMismatch, or NoRows
 */
export function decodeFeeds(
  parameters: Record<string, unknown>,
  inputs: readonly TensorInfo[],
  { optionalInputs = [], missing, columns }: DecodeOptions = {},
  source?: JsonSource,
): Feeds {
  const [only] = inputs
  const names = inputs.map(({ name }) => name)
  const known = inputs.length === 1 ? [...new Set([...(columns ?? []), ...names])] : names
  const found = findData(parameters, known)
  let { data } = found
  let areInOrder = false
  if (isWithSchema(data)) data = withoutIndex(data, known)
  if (hasRowLabels(data)) {
    const inOrder = (source?.inOrder() as Members | undefined) ?? parameters
    areInOrder = source !== undefined
    data = withoutRowLabels(findData(inOrder, known).data as Members, known)
  }
  // A text that was parsed in order has infinities only where it names them.
  const takes = missing === 'error' ? 'none' : source?.hasTokens || areInOrder ? 'all' : 'null'
  const { given, rest } = takeOptional(data, optionalInputs)
  const optional = optionalInputs.map(({ name }) => name)
  const table = { where: found.where, data: rest }
  const decoded =
    only && inputs.length === 1
      ? [[only.name, decodeOnly(table, { input: only, columns, optional }, takes)] as const]
      : decodeInputs(table, { inputs, optional }, takes)
  const feeds = new Map<string, Tensor>(decoded)
  for (const [input, nested] of given) feeds.set(input.name, decodeInput(input, nested, takes))
  checkNamedDimensions(feeds, inputs)
  return Object.fromEntries(feeds)
}

/** Separates the optional inputs that are given, by name, from the rows. */
function takeOptional(
  data: unknown,
  optionalInputs: readonly TensorInfo[],
): { readonly given: readonly (readonly [TensorInfo, unknown])[]; readonly rest: unknown } {
  if (optionalInputs.length === 0 || !isMembers(data) || isSplit(data)) return { given: [], rest: data }
  const members = new Map(namesIn(data).map(name => [name, getMember(data, name)]))
  const given = optionalInputs
    .filter(({ name }) => members.has(name))
    .map(input => [input, members.get(input.name)] as const)
  for (const [{ name }] of given) members.delete(name)
  return { given, rest: members }
}

/** Finds the rows in the body, and their name for messages. */
function findData(body: Members, names: readonly string[]): Table {
  const given = new Set(namesIn(body))
  const whole = { where: 'the body', data: body }
  if (names.length > 1 && names.every(name => given.has(name))) return whole
  if (isSplit(body) || isWithSchema(body)) return whole
  if (given.has('data')) return { where: '"data"', data: getMember(body, 'data') }
  if (names.some(name => given.has(name))) return whole
  for (const name of ['input_data', 'dataframe_split', 'dataframe_records']) {
    if (given.has(name)) return { where: `"${name}"`, data: getMember(body, name) }
  }
  const inputs = getMember(body, 'Inputs')
  if (isMembers(inputs)) return findData(inputs, names)
  if (given.has('Inputs')) return { where: '"Inputs"', data: inputs }
  throw new ScoringError('INPUT_MISSING', "A value is not provided for the 'data' parameter.")
}

/** Decodes several inputs, by name. */
function decodeInputs(
  table: Table,
  { inputs, optional }: { readonly inputs: readonly TensorInfo[]; readonly optional: readonly string[] },
  takes: NonFiniteInput,
): [string, Tensor][] {
  const columns = readInputs(table, inputs, optional)
  return inputs.map(input => [input.name, decodeInput(input, columns.get(input.name), takes)])
}

function readInputs({ where, data }: Table, inputs: readonly TensorInfo[], optional: readonly string[]): Columns {
  const names = inputs.map(({ name }) => name)
  const schema: TableSchema = { names, optional, isPlain: inputs.every(({ shape }) => isColumn(shape)) }
  if (inputs.length > 0 && inputs.every(({ shape }) => isByRow(shape))) return readTable(where, data, schema)
  if (!isMembers(data)) {
    const quoted = [...names, ...optional].map(name => `"${name}"`).join(', ')
    throw new ScoringError('INPUT_TYPE_MISMATCH', `${where} must be an object with the model's inputs ${quoted}`)
  }
  checkNames(where, namesIn(data), schema)
  return new Map(names.map(name => [name, getMember(data, name)]))
}

interface OnlyInput {
  readonly input: TensorInfo
  /** Names of the values of a row. */
  readonly columns: readonly string[] | undefined
  /** Names of optional inputs, for messages. */
  readonly optional: readonly string[]
}

/** Decodes a single input: nested lists, or a table whose columns are its values. */
function decodeOnly({ where, data }: Table, { input, columns, optional }: OnlyInput, takes: NonFiniteInput): Tensor {
  const own: TableSchema = { names: [input.name], optional, isPlain: isColumn(input.shape) }
  const byOwnName = (table: unknown) => decodeInput(input, readTable(where, table, own).get(input.name), takes)
  if (Array.isArray(data)) {
    const [first] = data
    if (isMembers(first)) {
      if (columns && !isUnderOwnName(first, input, columns))
        return decodeNamedValues({ where, data }, { input, columns }, takes)
      if (!own.isPlain && !isUnderOwnName(first, input, [])) throw noNames(input)
      return byOwnName(data)
    }
    return input.shape?.length === 1 && Array.isArray(first) ? byOwnName(data) : decodeInput(input, data, takes)
  }
  if (isMembers(data)) {
    if (isSplit(data)) {
      if (columns) return decodeNamedValues({ where, data }, { input, columns }, takes)
      // Without known names, values are read in the order of the file's columns.
      return own.isPlain ? byOwnName(data) : decodeInput(input, getMember(data, 'data'), takes)
    }
    if (columns && !isUnderOwnName(data, input, columns))
      return decodeNamedValues({ where, data }, { input, columns }, takes)
    if (own.isPlain || optional.length > 0 || isUnderOwnName(data, input, [])) return byOwnName(data)
  }
  const isSingle = data !== null && typeof data !== 'object'
  return decodeInput(input, own.isPlain && isSingle ? [data] : data, takes)
}

/** Whether a single input comes under its own name, as several inputs do. */
function isUnderOwnName(data: Members, { name }: TensorInfo, columns: readonly string[]): boolean {
  return getMember(data, name) !== undefined && !columns.includes(name)
}

function noNames({ shape = [] }: TensorInfo): ScoringError {
  const row =
    shape.length < 2
      ? 'lists'
      : shape.length === 2
        ? `lists of ${describeSize(shape[1])} values`
        : `lists of shape [${shape.slice(1).join(', ')}]`
  return new ScoringError(
    'INPUT_TYPE_MISMATCH',
    `row 0 is an object; the model takes rows that are ${row}. To send objects, name the values of a row with "input": {"columns": […]} in service.json`,
  )
}

function describeSize(size: number | string | undefined): string {
  return typeof size === 'number' && size >= 0 ? String(size) : 'any number of'
}

/** Decodes nested lists of the declared shape; an input of shape [n, 1] also takes a plain list of values. */
function decodeInput({ name, dtype, shape }: TensorInfo, nested: unknown, takes: NonFiniteInput): Tensor {
  const isFlat = Array.isArray(nested) && nested.length > 0 && !Array.isArray(nested[0])
  const isColumn = isFlat && shape?.length === 2 && shape[1] === 1
  const read = decodeNested(nested, { name, dtype, shape: isColumn ? shape.slice(0, 1) : shape, takes })
  return new Tensor(dtype, read.data, isColumn ? [...read.shape, 1] : read.shape)
}

/** Checks that dimensions with the same name have the same size. */
export function checkNamedDimensions(feeds: ReadonlyMap<string, Tensor>, inputs: readonly TensorInfo[]): void {
  const sizes = new Map<string, number>()
  for (const { name, shape } of inputs) {
    const actual = (feeds.get(name) as Tensor).shape
    for (const [axis, dimension] of shape?.entries() ?? []) {
      if (typeof dimension !== 'string') continue
      const size = actual[axis] as number
      const known = sizes.get(dimension) ?? size
      if (known !== size) {
        const expected = (shape ?? []).map((declared, at) => (at === axis ? known : declared))
        throw new InputShapeMismatch(name, expected, actual)
      }
      sizes.set(dimension, size)
    }
  }
}

/** Largest size beside a size of 0 that is taken: an empty tensor can name any size without sending a byte. */
const maxSizeOfEmptyTensor = 1_000_000

/**
 * Checks a tensor that came as bytes and holds no element.
 *
 * @throws NoRows, or ScoringError INPUT_SHAPE_MISMATCH
 */
export function checkEmptyTensor({ data, shape }: Tensor, input: TensorInfo): void {
  if (data.length > 0) return
  if (shape[0] === 0 && input.shape?.[0] !== 0) throw new NoRows(input.name)
  if (shape.every(size => size <= maxSizeOfEmptyTensor)) return
  throw new ScoringError(
    'INPUT_SHAPE_MISMATCH',
    `input "${input.name}" has shape [${shape.join(', ')}], which holds no element; other sizes may be up to ${maxSizeOfEmptyTensor}`,
  )
}
