/** The element types of the Open Inference Protocol V2 ("Tensor Data Types"), and of Triton's model configuration. */
import { ScoringError, showName } from '../../errors.ts'
import type { Dtype } from '../../tensor/dtype.ts'

const datatypes: Readonly<Record<Dtype, string>> = {
  bool: 'BOOL',
  uint8: 'UINT8',
  uint16: 'UINT16',
  uint32: 'UINT32',
  uint64: 'UINT64',
  int8: 'INT8',
  int16: 'INT16',
  int32: 'INT32',
  int64: 'INT64',
  float16: 'FP16',
  float32: 'FP32',
  float64: 'FP64',
  string: 'BYTES',
}

const dtypes: ReadonlyMap<string, Dtype> = new Map(
  Object.entries(datatypes).map(([dtype, datatype]) => [datatype, dtype as Dtype]),
)

/** @returns e.g. `FP32` */
export function encodeDatatype(dtype: Dtype): string {
  return datatypes[dtype]
}

/**
 * @param name      of the input, for messages
 * @param datatype  e.g. `FP32`
 * @throws ScoringError INPUT_TYPE_MISMATCH for a type that no tensor has here, e.g. `BF16`
 */
export function decodeDatatype(name: string, datatype: string): Dtype {
  const dtype = dtypes.get(datatype)
  if (dtype) return dtype
  throw new ScoringError(
    'INPUT_TYPE_MISMATCH',
    `input ${showName(name)} has the datatype ${JSON.stringify(datatype.slice(0, 32))}; taken are ${[...dtypes.keys()].join(', ')}`,
  )
}

/** The types of a model configuration, at the numbers that they have in `inference.DataType` (model_config.proto). */
export const configDatatypes: readonly string[] = [
  'TYPE_INVALID',
  ...Object.values(datatypes).map(datatype => (datatype === 'BYTES' ? 'TYPE_STRING' : `TYPE_${datatype}`)),
]

/** @returns e.g. `TYPE_FP32` */
export function encodeConfigDatatype(dtype: Dtype): string {
  return dtype === 'string' ? 'TYPE_STRING' : `TYPE_${datatypes[dtype]}`
}
