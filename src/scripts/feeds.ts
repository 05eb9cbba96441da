import { InputShapeMismatch, ScoringError } from '../errors.ts'
import type { Feeds, TensorInfo } from '../models/session/model-session.ts'
import type { JsonSource } from '../tensor/json-source.ts'
import { decodeNested, type NonFiniteInput } from '../tensor/nested.ts'
import { isByRow, isColumn } from '../tensor/shape.ts'
import { Tensor } from '../tensor/tensor.ts'
import { decodeNamedValues } from './named-values.ts'
import {
  type Columns,
  checkNames,
  hasRowLabels,
  isMembers,
  isSplit,
  isWithSchema,
  type Members,
  memberOf,
  namesIn,
  readTable,
  type TableSchema,
  withoutIndex,
  withoutRowLabels,
} from './table.ts'

/** What `service.json` says of the rows of requests. */
export interface RowSettings {
  /** What `null`, NaN and infinities are where floats are declared; default: values. */
  readonly missing?: 'nan' | 'error'
  /** Names of the values of a row, for a single input that takes several. */
  readonly columns?: readonly string[]
}

interface DecodeOptions extends RowSettings {
  /** Inputs for which the graph has a value; they may be given by name, beside the rows. */
  readonly optionalInputs?: readonly TensorInfo[]
}

/**
 * Reads the tensors of a request from its `data`: nested lists when there is one input, `{"<input>": […], …}` when there are
 * several, or a table in one of the forms that `readTable` knows. Lists of single values do for inputs of shape [n, 1].
 * Instead of `data` there may be `input_data` (MLflow), `Inputs` (AutoML), or the table itself; what else the body has is
 * ignored, as Azure ML does.
 *
 * @param inputs  what the graph, or the script, declares
 * @param source  the text that the parameters come from; absent: they are as they were written
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
  let { where, data } = findData(parameters, known)
  let areInOrder = false
  if (isWithSchema(data)) data = withoutIndex(data, known)
  if (hasRowLabels(data)) {
    const inOrder = (source?.inOrder() as Members | undefined) ?? parameters
    areInOrder = source !== undefined
    data = withoutRowLabels(findData(inOrder, known).data as Members, known)
  }
  // What was read in order has infinities only where the text names them.
  const takes = missing === 'error' ? 'none' : source?.hasTokens || areInOrder ? 'all' : 'null'
  const { given, rest } = takeOptional(data, optionalInputs)
  const optional = optionalInputs.map(({ name }) => name)
  const decoded =
    only && inputs.length === 1
      ? [[only.name, decodeOnly(where, rest, { input: only, columns, optional }, takes)] as const]
      : decodeInputs(where, rest, inputs, optional, takes)
  const feeds = new Map<string, Tensor>(decoded)
  for (const [input, nested] of given) feeds.set(input.name, decodeInput(input, nested, takes))
  checkNamedDimensions(feeds, inputs)
  return Object.fromEntries(feeds)
}

/** What is given for inputs that need not be, by name; and the rows without that. */
function takeOptional(
  data: unknown,
  optionalInputs: readonly TensorInfo[],
): { readonly given: readonly (readonly [TensorInfo, unknown])[]; readonly rest: unknown } {
  if (optionalInputs.length === 0 || !isMembers(data) || isSplit(data)) return { given: [], rest: data }
  const members = new Map(namesIn(data).map(name => [name, memberOf(data, name)]))
  const given = optionalInputs
    .filter(({ name }) => members.has(name))
    .map(input => [input, members.get(input.name)] as const)
  for (const [{ name }] of given) members.delete(name)
  return { given, rest: members }
}

/** Where in the body the rows are, and how to call that in messages. */
function findData(body: Members, names: readonly string[]): { where: string; data: unknown } {
  const given = new Set(namesIn(body))
  const whole = { where: 'the body', data: body }
  if (names.length > 1 && names.every(name => given.has(name))) return whole
  if (isSplit(body) || isWithSchema(body)) return whole
  if (given.has('data')) return { where: '"data"', data: memberOf(body, 'data') }
  if (names.some(name => given.has(name))) return whole
  for (const name of ['input_data', 'dataframe_split', 'dataframe_records']) {
    if (given.has(name)) return { where: `"${name}"`, data: memberOf(body, name) }
  }
  const inputs = memberOf(body, 'Inputs')
  if (isMembers(inputs)) return findData(inputs, names)
  if (given.has('Inputs')) return { where: '"Inputs"', data: inputs }
  throw new ScoringError('INPUT_MISSING', "A value is not provided for the 'data' parameter.")
}

/** Several inputs, by name. */
function decodeInputs(
  where: string,
  data: unknown,
  inputs: readonly TensorInfo[],
  optional: readonly string[],
  takes: NonFiniteInput,
): [string, Tensor][] {
  const columns = readInputs(where, data, inputs, optional)
  return inputs.map(input => [input.name, decodeInput(input, columns.get(input.name), takes)])
}

function readInputs(where: string, data: unknown, inputs: readonly TensorInfo[], optional: readonly string[]): Columns {
  const names = inputs.map(({ name }) => name)
  const schema: TableSchema = { names, optional, isPlain: inputs.every(({ shape }) => isColumn(shape)) }
  if (inputs.length > 0 && inputs.every(({ shape }) => isByRow(shape))) return readTable(where, data, schema)
  if (!isMembers(data)) {
    const quoted = [...names, ...optional].map(name => `"${name}"`).join(', ')
    throw new ScoringError('INPUT_TYPE_MISMATCH', `${where} must be an object with the model's inputs ${quoted}`)
  }
  checkNames(where, namesIn(data), schema)
  return new Map(names.map(name => [name, memberOf(data, name)]))
}

interface OnlyInput {
  readonly input: TensorInfo
  /** Names of the values of a row. */
  readonly columns: readonly string[] | undefined
  /** Names that may have stood beside it, for messages. */
  readonly optional: readonly string[]
}

/** A single input: nested lists, or a table whose columns are its values. */
function decodeOnly(where: string, data: unknown, only: OnlyInput, takes: NonFiniteInput): Tensor {
  const { input, columns, optional } = only
  const own: TableSchema = { names: [input.name], optional, isPlain: isColumn(input.shape) }
  const byOwnName = (table: unknown) => decodeInput(input, readTable(where, table, own).get(input.name), takes)
  if (Array.isArray(data)) {
    const [first] = data
    if (isMembers(first)) {
      if (columns && !isUnderOwnName(first, input, columns))
        return decodeNamedValues(where, data, input, columns, takes)
      if (!own.isPlain && !isUnderOwnName(first, input, [])) throw noNames(input)
      return byOwnName(data)
    }
    return input.shape?.length === 1 && Array.isArray(first) ? byOwnName(data) : decodeInput(input, data, takes)
  }
  if (isMembers(data)) {
    if (isSplit(data)) {
      if (columns) return decodeNamedValues(where, data, input, columns, takes)
      // Without known names the values of a row are taken in the order in which they come.
      return own.isPlain ? byOwnName(data) : decodeInput(input, memberOf(data, 'data'), takes)
    }
    if (columns && !isUnderOwnName(data, input, columns)) return decodeNamedValues(where, data, input, columns, takes)
    if (own.isPlain || optional.length > 0 || isUnderOwnName(data, input, [])) return byOwnName(data)
  }
  const isSingle = data !== null && typeof data !== 'object'
  return decodeInput(input, own.isPlain && isSingle ? [data] : data, takes)
}

/** A single input may also come under its name, as several do. */
function isUnderOwnName(data: Members, { name }: TensorInfo, columns: readonly string[]): boolean {
  return memberOf(data, name) !== undefined && !columns.includes(name)
}

function noNames({ shape = [] }: TensorInfo): ScoringError {
  const row =
    shape.length < 2
      ? 'lists'
      : shape.length === 2
        ? `lists of ${sizeOf(shape[1])} values`
        : `lists of shape [${shape.slice(1).join(', ')}]`
  return new ScoringError(
    'INPUT_TYPE_MISMATCH',
    `row 0 is an object; the model takes rows that are ${row}. It knows no names for them: "input": {"columns": […]} in service.json gives them some`,
  )
}

function sizeOf(size: number | string | undefined): string {
  return typeof size === 'number' && size >= 0 ? String(size) : 'any number of'
}

/** Nested lists of the declared shape; for [n, 1] also the values alone, which are the nearest thing to a column. */
function decodeInput({ name, dtype, shape }: TensorInfo, nested: unknown, takes: NonFiniteInput): Tensor {
  const isFlat = Array.isArray(nested) && nested.length > 0 && !Array.isArray(nested[0])
  const isColumn = isFlat && shape?.length === 2 && shape[1] === 1
  const read = decodeNested(nested, { name, dtype, shape: isColumn ? shape.slice(0, 1) : shape, takes })
  return new Tensor(dtype, read.data, isColumn ? [...read.shape, 1] : read.shape)
}

/** A dimension name that stands in several inputs has one size in a request. */
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
