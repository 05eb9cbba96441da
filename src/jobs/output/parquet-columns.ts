/** Columns of a Parquet file: their types, and their values from the cells of a CSV. */
import type { ConvertedType, ParquetType, SchemaElement } from 'hyparquet'
import type { Dtype } from '../../tensor/dtype.ts'
import { readJson } from '../../tensor/json-reader.ts'
import { wholePrediction } from '../line-form.ts'
import type { OutputTable } from './output-table.ts'
import { plainText } from './prediction-cells.ts'

export interface ParquetColumn {
  readonly name: string
  /** Absent: text. */
  readonly dtype?: Dtype | undefined
  /** Levels of lists; absent: a single value. */
  readonly depth?: number | undefined
  readonly isRequired?: true
}

/** The columns of an output in order: the index of the row, those of the input, its file, those of the prediction, the error. */
export interface ParquetColumns {
  readonly index: ParquetColumn
  readonly included: readonly ParquetColumn[]
  /** None unless the job has several inputs in one output. */
  readonly file: readonly ParquetColumn[]
  readonly predictions: readonly ParquetColumn[]
  readonly errors: readonly ParquetColumn[]
}

export function parquetColumns({ form, include, types }: OutputTable): ParquetColumns {
  return {
    index: { name: 'index', dtype: 'int64', isRequired: true },
    included: include.map(name => ({ name, dtype: types.get(name) })),
    file: form.file === undefined ? [] : [{ name: 'file' }],
    predictions: (form.parts ?? [wholePrediction]).flatMap(({ columns, dtype, depth }) =>
      columns.map(name => ({ name, dtype, depth })),
    ),
    errors: [{ name: 'error_code' }, { name: 'error_message' }],
  }
}

const types: Readonly<Record<Dtype, readonly [ParquetType, ConvertedType?]>> = {
  float16: ['FLOAT'],
  float32: ['FLOAT'],
  float64: ['DOUBLE'],
  int8: ['INT32', 'INT_8'],
  int16: ['INT32', 'INT_16'],
  int32: ['INT32'],
  int64: ['INT64'],
  uint8: ['INT32', 'UINT_8'],
  uint16: ['INT32', 'UINT_16'],
  uint32: ['INT32', 'UINT_32'],
  uint64: ['INT64', 'UINT_64'],
  bool: ['BOOLEAN'],
  string: ['BYTE_ARRAY', 'UTF8'],
}

/** parquet-format, LogicalTypes.md: a list is a group of three levels. */
export function parquetSchema({ index, included, file, predictions, errors }: ParquetColumns): SchemaElement[] {
  const columns = [index, ...included, ...file, ...predictions, ...errors]
  return [{ name: 'schema', num_children: columns.length }, ...columns.flatMap(elements)]
}

function elements({ name, dtype = 'string', depth = 0, isRequired }: ParquetColumn): SchemaElement[] {
  const repetition = { repetition_type: isRequired ? 'REQUIRED' : 'OPTIONAL' } as const
  if (depth > 0) {
    return [
      { name, ...repetition, num_children: 1, converted_type: 'LIST' },
      { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
      ...elements({ name: 'element', dtype, depth: depth - 1 }),
    ]
  }
  const [type, converted_type] = types[dtype]
  return [{ name, type, ...repetition, ...(converted_type && { converted_type }) }]
}

/** @returns the value of a cell of a CSV */
export function cellValue(cell: string, { dtype, depth = 0 }: ParquetColumn): unknown {
  if (depth > 0) return listValue(readJson(cell, { takesNonFinite: true, hasExactIntegers: true }), dtype as Dtype)
  if (dtype === undefined || dtype === 'string') return cell
  if (dtype === 'bool') return cell === 'true'
  if (cell === 'null') return null
  return toNumber(dtype === 'int64' || dtype === 'uint64' ? BigInt(cell) : Number(cell), dtype)
}

/** @returns the value of JSON text, which is that of the input */
export function jsonValue(json: string | undefined, column: ParquetColumn): unknown {
  if (json === undefined || json === 'null') return null
  return cellValue(plainText(json), column)
}

function listValue(value: unknown, dtype: Dtype): unknown {
  if (Array.isArray(value)) return value.map(each => listValue(each, dtype))
  return typeof value === 'number' || typeof value === 'bigint' ? toNumber(value, dtype) : value
}

function toNumber(value: number | bigint, dtype: Dtype): number | bigint {
  return dtype === 'int64' || dtype === 'uint64' ? BigInt(value) : value
}
