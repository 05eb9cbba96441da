/** Describes the `data` of a service of tensors: records if the values of a row have names, else nested lists. */

import type { ServiceDefinition } from '../../models/definition/definition.ts'
import type { LoadReport } from '../../models/session/load-report.ts'
import type { TensorInfo } from '../../models/session/model-session.ts'
import type { Dtype } from '../../tensor/dtype.ts'
import { isColumn } from '../../tensor/shape.ts'
import type { JsonSchema } from './dialect.ts'
import { elementSchema, nestedSchema, recordSchema, sizesIn, zeros } from './tensor.ts'
import type { OpenApiVersion } from './version.ts'

type RowSettings = Pick<ServiceDefinition, 'input' | 'missing'>
type Inputs = Pick<LoadReport, 'inputs' | 'optionalInputs'>

/** The type of each value of a row, by name. */
type Columns = ReadonlyMap<string, Dtype>

/**
 * Returns the schema of `data`. Versions 2 and 3 describe records only: version 2 has no choice between schemas, and clients
 * generated from a choice in version 3 wrap every row in a class. The description names the other forms.
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
  const required = inputs.map(({ name }) => name)
  const members = [...inputs, ...optionalInputs].map((input, index) => {
    const schema = listsSchema(input, settings)
    const optional = `${schema.description}; optional; defaults to the model's own value`
    return [input.name, index < inputs.length ? schema : { ...schema, description: optional }] as const
  })
  return recordSchema(members, required)
}

/**
 * Returns the rows of the sample in the form of `dataSchema`, else a row of zeros; undefined when that would be too large.
 *
 * @param sample  the owner's sample request, in any form
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

/** Returns the sizes of named dimensions in an example of `data`. */
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

/** Converts records, lists in the order of the columns, or columns to records; undefined for anything else. */
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

/** @returns undefined when the values of a row have no names, or some of them are lists */
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
  const lists = [...columns].map(([name, dtype]) => {
    return [name, { type: 'array', items: valueSchema(dtype, settings) }] as const
  })
  return [records(columns, settings), recordSchema(lists), rowSchema(columns, settings)]
}

function records(columns: Columns, settings: RowSettings): JsonSchema {
  return { type: 'array', items: rowSchema(columns, settings) }
}

function rowSchema(columns: Columns, settings: RowSettings): JsonSchema {
  return recordSchema([...columns].map(([name, dtype]) => [name, valueSchema(dtype, settings)]))
}

/** Describes lists nested as deep as the rank, in Azure ML's format (guide/contract.md). */
function listsSchema({ dtype, shape }: TensorInfo, settings: RowSettings): JsonSchema {
  if (!shape) return { description: `${dtype}, of any shape` }
  const nested = nestedSchema(valueSchema(dtype, settings), shape.length)
  return { ...nested, description: `${dtype}, shape [${shape.join(', ')}]` }
}

/** Describes a value; floats may be null if that means a missing value. */
function valueSchema(dtype: Dtype, { missing }: RowSettings): JsonSchema {
  const scalar = elementSchema(dtype)
  return missing === 'nan' && scalar.type === 'number' ? { ...scalar, type: ['number', 'null'] } : scalar
}

function zeroValue(dtype: Dtype): unknown {
  return zeros({ name: '', dtype, shape: [] }, new Map())
}
