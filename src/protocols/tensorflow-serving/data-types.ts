/** The types of elements, as TensorFlow numbers them (tensorflow/core/framework/types.proto). */
import { ScoringError } from '../../errors.ts'
import type { Dtype } from '../../tensor/dtype.ts'

/** How the elements of a type lie in the fields of a `TensorProto`. */
export interface DataType {
  readonly dtype: Dtype
  /** e.g. `DT_FLOAT` */
  readonly name: string
  readonly number: number
  /** The field that holds them one by one. */
  readonly field: ValueField
}

/** The fields of a `TensorProto` that hold elements, by their names in the schema. */
export const valueFields = {
  float_val: { number: 5, width: 4 },
  double_val: { number: 6, width: 8 },
  int_val: { number: 7, width: 'varint' },
  string_val: { number: 8, width: undefined },
  int64_val: { number: 10, width: 'varint' },
  bool_val: { number: 11, width: 'varint' },
  half_val: { number: 13, width: 'varint' },
  uint32_val: { number: 16, width: 'varint' },
  uint64_val: { number: 17, width: 'varint' },
} as const

export type ValueField = keyof typeof valueFields

const known: readonly DataType[] = [
  { dtype: 'float32', name: 'DT_FLOAT', number: 1, field: 'float_val' },
  { dtype: 'float64', name: 'DT_DOUBLE', number: 2, field: 'double_val' },
  { dtype: 'int32', name: 'DT_INT32', number: 3, field: 'int_val' },
  { dtype: 'uint8', name: 'DT_UINT8', number: 4, field: 'int_val' },
  { dtype: 'int16', name: 'DT_INT16', number: 5, field: 'int_val' },
  { dtype: 'int8', name: 'DT_INT8', number: 6, field: 'int_val' },
  { dtype: 'string', name: 'DT_STRING', number: 7, field: 'string_val' },
  { dtype: 'int64', name: 'DT_INT64', number: 9, field: 'int64_val' },
  { dtype: 'bool', name: 'DT_BOOL', number: 10, field: 'bool_val' },
  { dtype: 'uint16', name: 'DT_UINT16', number: 17, field: 'int_val' },
  { dtype: 'float16', name: 'DT_HALF', number: 19, field: 'half_val' },
  { dtype: 'uint32', name: 'DT_UINT32', number: 22, field: 'uint32_val' },
  { dtype: 'uint64', name: 'DT_UINT64', number: 23, field: 'uint64_val' },
]
const byNumber = new Map(known.map(type => [type.number, type]))
const byDtype = new Map(known.map(type => [type.dtype, type]))

/** Types that no model here takes, for messages. */
const others: Readonly<Record<number, string>> = {
  8: 'DT_COMPLEX64',
  11: 'DT_QINT8',
  12: 'DT_QUINT8',
  13: 'DT_QINT32',
  14: 'DT_BFLOAT16',
  15: 'DT_QINT16',
  16: 'DT_QUINT16',
  18: 'DT_COMPLEX128',
  20: 'DT_RESOURCE',
  21: 'DT_VARIANT',
}

/** @throws ScoringError INPUT_TYPE_MISMATCH */
export function findDataType(input: string, number: number): DataType {
  const type = byNumber.get(number)
  if (type) return type
  const came = number === 0 ? 'has no dtype' : `has the dtype ${number}${others[number] ? ` (${others[number]})` : ''}`
  throw new ScoringError(
    'INPUT_TYPE_MISMATCH',
    `input ${JSON.stringify(input)} ${came}; taken are ${known.map(({ name }) => name).join(', ')}`,
  )
}

/** TensorFlow's type for the elements of a tensor. */
export function dataTypeFor(dtype: Dtype): DataType {
  return byDtype.get(dtype) as DataType
}
