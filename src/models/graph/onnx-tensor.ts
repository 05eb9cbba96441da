import { type Dtype, type TensorData, typedArrays } from '../../tensor/dtype.ts'
import { fromHalfBits } from '../../tensor/float16-array.ts'
import type { FieldRange } from './onnx-model.ts'
import { type Field, readFields, readFloats, readVarints, textAt, UnreadableOnnx } from './protobuf.ts'

/** TensorProto.DataType of each type that we can hold; the others (bfloat16, float8, int4, complex …) have no entry. */
export const dtypeOfElementType: ReadonlyMap<number, Dtype> = new Map([
  [1, 'float32'],
  [2, 'uint8'],
  [3, 'int8'],
  [4, 'uint16'],
  [5, 'int16'],
  [6, 'int32'],
  [7, 'int64'],
  [8, 'string'],
  [9, 'bool'],
  [10, 'float16'],
  [11, 'float64'],
  [12, 'uint32'],
  [13, 'uint64'],
] as const)

/** Contents in another file, beside the model. */
export interface ExternalData {
  /** Path of the file, relative to the model's folder. */
  readonly location: string
  /** The first byte in that file. */
  readonly offset: number
  /** The number of bytes; undefined: to the end of the file. */
  readonly length: number | undefined
}

/** @returns those bytes of the file, or undefined when there is no such file or range */
export type ReadExternal = (location: string, offset: number, length: number) => Uint8Array | undefined

/** TensorProto. The contents stay in the file until `tensorData` is called. */
export interface OnnxTensor {
  readonly range: FieldRange
  readonly bytes: Uint8Array
  readonly name: string
  readonly dims: readonly number[]
  /** TensorProto.DataType */
  readonly elementType: number
  readonly external: ExternalData | undefined
}

export function elementCount(tensor: { readonly dims: readonly number[] }): number {
  return tensor.dims.reduce((product, size) => product * size, 1)
}

const rawDataField = 9
/** The field that holds a type's contents when `raw_data` does not (onnx.proto, TensorProto). */
const typedDataField: Partial<Record<Dtype, number>> = {
  float32: 4,
  string: 6,
  int64: 7,
  float64: 10,
  uint32: 11,
  uint64: 11,
}
/** `int32_data` holds all small integers, and float16 by its bits. */
const int32DataField = 5

/**
 * Decodes a tensor's contents.
 *
 * @param readExternal  reads the file that holds them, where they stand beside the model
 * @returns as many elements as the shape has; undefined for a type without a `Dtype`, or contents that cannot be read
 * @throws UnreadableOnnx when the contents have another length than the shape says
 */
export function tensorData(tensor: OnnxTensor, readExternal?: ReadExternal): TensorData | undefined {
  const dtype = dtypeOfElementType.get(tensor.elementType)
  if (dtype === undefined) return undefined
  const count = elementCount(tensor)
  if (tensor.external) {
    if (dtype === 'string') throw new UnreadableOnnx(`the texts of tensor "${tensor.name}" stand in another file`)
    const { location, offset, length } = tensor.external
    const byteCount = count * bytesPerElement(dtype)
    if (length !== undefined && length !== byteCount) throw wrongLength(tensor, length, byteCount)
    const content = readExternal?.(location, offset, byteCount)
    return content && fromLittleEndian(tensor, dtype, content)
  }
  const fields = [...readFields(tensor.bytes, tensor.range)]
  const raw = fields.findLast(field => field.number === rawDataField)
  if (raw) return fromLittleEndian(tensor, dtype, tensor.bytes.subarray(raw.start, raw.end))
  const typed = fields.filter(field => field.number === (typedDataField[dtype] ?? int32DataField))
  const values = typed.flatMap(field => [...typedValues(tensor.bytes, dtype, field)])
  if (values.length !== count)
    throw new UnreadableOnnx(
      `tensor "${tensor.name}" has ${values.length} elements, its shape [${tensor.dims}] says ${count}`,
    )
  return toTensorData(dtype, values)
}

function typedValues(bytes: Uint8Array, dtype: Dtype, field: Field): Iterable<number | bigint | string> {
  if (dtype === 'string') return [textAt(bytes, field)]
  if (dtype === 'float32') return readFloats(bytes, field, 4)
  if (dtype === 'float64') return readFloats(bytes, field, 8)
  return readVarints(bytes, field, dtype !== 'uint64' && dtype !== 'uint32')
}

function toTensorData(dtype: Dtype, values: readonly (number | bigint | string)[]): TensorData {
  if (dtype === 'string') return values as string[]
  if (dtype === 'int64') return BigInt64Array.from(values as bigint[])
  if (dtype === 'uint64') return BigUint64Array.from(values as bigint[])
  const numbers = values.map(Number)
  if (dtype === 'float16') return fromHalfBits(Uint16Array.from(numbers))
  return (typedArrays[dtype] as Uint8ArrayConstructor).from(numbers)
}

function fromLittleEndian(tensor: OnnxTensor, dtype: Dtype, content: Uint8Array): TensorData {
  const byteCount = elementCount(tensor) * bytesPerElement(dtype)
  if (dtype === 'string' || content.length !== byteCount) throw wrongLength(tensor, content.length, byteCount)
  // Typed arrays begin at multiples of their width only, so the bytes are copied.
  return new (typedArrays[dtype] as Uint8ArrayConstructor)(new Uint8Array(content).buffer)
}

function bytesPerElement(dtype: Dtype): number {
  return dtype === 'string' ? 0 : (typedArrays[dtype] as Uint8ArrayConstructor).BYTES_PER_ELEMENT
}

function wrongLength(tensor: OnnxTensor, actual: number, expected: number): UnreadableOnnx {
  return new UnreadableOnnx(
    `tensor "${tensor.name}" has ${actual} bytes of contents, its shape [${tensor.dims}] and type take ${expected}`,
  )
}
