/** What a service of tensors takes as `data`: records where its rows have names, else nested lists. */

import type { ServiceDefinition } from '../../models/definition/definition.ts'
import type { LoadReport } from '../../models/session/load-report.ts'
import type { TensorInfo } from '../../models/session/model-session.ts'
import type { Dtype } from '../../tensor/dtype.ts'
import { isColumn } from '../../tensor/shape.ts'
import type { JsonSchema } from './dialect.ts'
import { elementSchema, sizesIn, zeros } from './tensor.ts'
import type { OpenApiVersion } from './version.ts'

type RowSettings = Pick<ServiceDefinition, 'input' | 'missing'>
type Inputs = Pick<LoadReport, 'inputs' | 'optionalInputs'>

/** A row as an object: the type of each of its values by name. */
type Columns = ReadonlyMap<string, Dtype>

/**
 * Versions 2 and 3 have records alone: 2 has no choice between schemas, and of a choice in 3 generated clients make a class
 * that their users have to wrap every row in. Further forms are in the description.
 */
export function dataSchema(
  { inputs, optionalInputs = [] }: Inputs,
  settings: RowSettings,
  version: OpenApiVersion,
): JsonSchema {
  const columns = findColumns(inputs, settings)
  const [only] = inputs
  if (columns) {
    const forms = version === '3.1' ? { anyOf: tableForms(columns, settings) } : records(columns, settings)
    return { ...forms, description }
  }
  if (inputs.length === 1 && only && optionalInputs.length === 0) return listsSchema(only, settings)
  const names = inputs.map(({ name }) => name)
  const optional = optionalInputs.map(input => {
    const schema = listsSchema(input, settings)
    return [input.name, { ...schema, description: `${schema.description}; the model's own value where it is left out` }]
  })
  const properties = Object.fromEntries([
    ...inputs.map(input => [input.name, listsSchema(input, settings)]),
    ...optional,
  ])
  return { type: 'object', ...(names.length > 0 ? { required: names } : {}), properties }
}

/**
 * The rows of the sample in the form of `dataSchema`, else a row of zeros; undefined when that would be too large.
 *
 * @param sample  a request that the owner gives, in any form that requests may have
 */
export function dataExample({ inputs, optionalInputs = [] }: Inputs, settings: RowSettings, sample: unknown): unknown {
  const data = getMember(sample, 'data') ?? getMember(sample, 'input_data')
  const columns = findColumns(inputs, settings)
  if (columns) {
    const zero = () => [Object.fromEntries([...columns].map(([name, dtype]) => [name, zeroValue(dtype)]))]
    return recordsIn(data, [...columns.keys()]) ?? zero()
  }
  const [only] = inputs
  if (inputs.length === 1 && only && optionalInputs.length === 0)
    return getMember(data, only.name) ?? data ?? zeros(only, new Map())
  const examples = inputs.map(input => [input.name, getMember(data, input.name) ?? zeros(input, new Map())] as const)
  return examples.every(([, example]) => example !== undefined) ? Object.fromEntries(examples) : undefined
}

/** The sizes that an example of `data` gives to the named dimensions. */
export function exampleSizes(inputs: readonly TensorInfo[], example: unknown): ReadonlyMap<string, number> {
  const isTable = Array.isArray(example) && (inputs.length > 1 || isObject(example[0]))
  if (isTable) {
    const rows = inputs.flatMap(({ shape: [first] = [] }) => (typeof first === 'string' ? [first] : []))
    return new Map(rows.map(name => [name, example.length]))
  }
  const [only] = inputs
  const inputExample = (input: TensorInfo) =>
    inputs.length === 1 && input === only ? example : getMember(example, input.name)
  return new Map(inputs.flatMap(input => sizesIn(input, inputExample(input))))
}

/** Records of what is records, lists in the order of the columns, or columns; undefined: it is none of them. */
function recordsIn(data: unknown, names: readonly string[]): unknown[] | undefined {
  if (Array.isArray(data) && data.every(isObject)) return data
  if (Array.isArray(data) && data.every(row => Array.isArray(row) && row.length === names.length)) {
    return data.map((row: unknown[]) => Object.fromEntries(names.map((name, column) => [name, row[column]])))
  }
  const columns = names.map(name => getMember(data, name))
  const [first] = columns
  if (!columns.every(values => Array.isArray(values)) || !Array.isArray(first)) return undefined
  return first.map((_, row) =>
    Object.fromEntries(names.map((name, column) => [name, [(columns[column] as unknown[])[row]].flat()[0]])),
  )
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function getMember(value: unknown, name: string): unknown {
  return isObject(value) && Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined
}

/** @returns undefined: the values of a row have no names, or some of them are lists */
function findColumns(inputs: readonly TensorInfo[], { input }: RowSettings): Columns | undefined {
  const [only] = inputs
  if (inputs.length === 1 && only) {
    return input.columns && new Map(input.columns.map(name => [name, only.dtype]))
  }
  const arePlain = inputs.length > 0 && inputs.every(({ shape }) => isColumn(shape))
  return arePlain ? new Map(inputs.map(({ name, dtype }) => [name, dtype])) : undefined
}

const description =
  'records, columns, or one record; also lists in the order of the columns, and {"columns": […], "data": [[…], …]}, as pandas writes them'

function tableForms(columns: Columns, settings: RowSettings): JsonSchema[] {
  const lists = objectSchema(columns, dtype => ({ type: 'array', items: valueSchema(dtype, settings) }))
  return [records(columns, settings), lists, recordSchema(columns, settings)]
}

function records(columns: Columns, settings: RowSettings): JsonSchema {
  return { type: 'array', items: recordSchema(columns, settings) }
}

function recordSchema(columns: Columns, settings: RowSettings): JsonSchema {
  return objectSchema(columns, dtype => valueSchema(dtype, settings))
}

function objectSchema(columns: Columns, toSchema: (dtype: Dtype) => JsonSchema): JsonSchema {
  const properties = Object.fromEntries([...columns].map(([name, dtype]) => [name, toSchema(dtype)]))
  return { type: 'object', required: [...columns.keys()], properties }
}

/** Lists nested as deep as the rank, in Azure ML's format (contract, section 6); for [n, 1] the values alone do. */
function listsSchema({ dtype, shape }: TensorInfo, settings: RowSettings): JsonSchema {
  if (!shape) return { description: `${dtype}, of any shape` }
  let nested = valueSchema(dtype, settings)
  for (const _ of shape) nested = { type: 'array', items: nested }
  const format = shape.length === 0 ? {} : { format: 'numpy.ndarray' }
  return { ...nested, ...format, description: `${dtype}, shape [${shape.join(', ')}]` }
}

/** `null` is a missing value. */
function valueSchema(dtype: Dtype, { missing }: RowSettings): JsonSchema {
  const scalar = elementSchema(dtype)
  return missing === 'nan' && scalar.type === 'number' ? { ...scalar, type: ['number', 'null'] } : scalar
}

function zeroValue(dtype: Dtype): unknown {
  return zeros({ name: '', dtype, shape: [] }, new Map())
}
