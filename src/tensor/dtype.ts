/// <reference lib="esnext.float16" preserve="true" />
import { Float16Array } from './float16-array.ts'

/**
 * The element types of a tensor, under ONNX Runtime's names, and the JavaScript array that holds each.
 * A `string` tensor holds a plain array; `bool` holds one byte an element, 0 or 1.
 */
export const typedArrays = {
  float32: Float32Array,
  float64: Float64Array,
  float16: Float16Array,
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
  bool: Uint8Array,
  string: Array<string>,
} as const

export type Dtype = keyof typeof typedArrays

export type NumberArray =
  | Float32Array
  | Float64Array
  | Float16Array
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
export type BigIntArray = BigInt64Array | BigUint64Array
export type TensorData = NumberArray | BigIntArray | string[]

/** Lowest and highest value of each integer type. */
export const integerRange: Partial<Record<Dtype, readonly [min: number, max: number]>> = {
  int8: [-128, 127],
  uint8: [0, 255],
  int16: [-32768, 32767],
  uint16: [0, 65535],
  int32: [-2147483648, 2147483647],
  uint32: [0, 4294967295],
}

/** Largest finite value of each floating-point type (IEEE 754). */
export const floatMax: Partial<Record<Dtype, number>> = {
  float16: 65504,
  float32: 3.4028234663852886e38,
  float64: Number.MAX_VALUE,
}

export function isDtype(name: string): name is Dtype {
  return Object.hasOwn(typedArrays, name)
}

/**
 * @param length number of elements
 * @returns zeroed storage for that many elements
 * @throws RangeError when there is no such type or the memory is not there
 */
export function allocate(dtype: Dtype, length: number): TensorData {
  const Storage = typedArrays[dtype]
  if (!Storage) throw new RangeError(`there is no dtype "${dtype}"; known are ${Object.keys(typedArrays).join(', ')}`)
  return new Storage(length)
}
