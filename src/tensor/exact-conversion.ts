import { allocate, type Dtype } from './dtype.ts'
import type { BinaryDtype } from './element-bytes.ts'
import { Tensor } from './tensor.ts'

/** Bits of magnitude: all whole numbers up to 2^bits are values of the type (IEEE 754 significands for floats). */
const magnitudeBits: Record<BinaryDtype, number> = {
  bool: 1,
  uint8: 8,
  uint16: 16,
  uint32: 32,
  uint64: 64,
  int8: 7,
  int16: 15,
  int32: 31,
  int64: 63,
  float16: 11,
  float32: 24,
  float64: 53,
}

/** Whether every value of one type is a value of the other: NumPy's `safe` casting without int64 to float64, which rounds. */
export function isExact(from: Dtype, to: Dtype): boolean {
  if (from === to) return true
  if (from === 'string' || to === 'string' || to === 'bool') return false
  const isWideEnough = magnitudeBits[from] <= magnitudeBits[to]
  if (isFloat(from)) return isFloat(to) && isWideEnough
  // -2^7 needs no more of a float's significand than 2^7; an unsigned type holds no negative value.
  return isWideEnough && (isFloat(to) || !from.startsWith('int') || to.startsWith('int'))
}

function isFloat(dtype: Dtype): boolean {
  return dtype.startsWith('float')
}

/**
 * @param to  a type for which `isExact` holds
 * @returns the tensor itself when it has the type already, else a copy
 */
export function convertExactly(tensor: Tensor, to: BinaryDtype): Tensor {
  if (tensor.dtype === to) return tensor
  const from = tensor.data as Uint8Array
  const data = allocate(to, from.length)
  if (to === 'int64' || to === 'uint64') {
    for (let index = 0; index < from.length; index++) (data as BigInt64Array)[index] = BigInt(from[index] as number)
  } else (data as Float64Array).set(from)
  return new Tensor(to, data, tensor.shape)
}
