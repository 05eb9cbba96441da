import { ScoringError } from '../errors.ts'
import { allocate, type BigIntArray, type Dtype, type NumberArray, type TensorData, typedArrays } from './dtype.ts'

/** Element types that have bytes, which strings do not. */
export type BinaryDtype = Exclude<Dtype, 'string'>

const isLittleEndianHost = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1

/** Bytes of one element. */
export function elementSize(dtype: BinaryDtype): number {
  return typedArrays[dtype].BYTES_PER_ELEMENT
}

/**
 * Reads the elements in these bytes: a view where the host can read them in place, else a copy.
 *
 * @param name   the input, for messages
 * @param bytes  a whole number of elements
 * @throws ScoringError INPUT_TYPE_MISMATCH when a bool is neither 0 nor 1
 */
export function decodeElements(
  name: string,
  dtype: BinaryDtype,
  bytes: Uint8Array,
  isLittleEndian: boolean,
): TensorData {
  if (dtype === 'bool') refuseOtherThanFlags(name, bytes)
  const size = elementSize(dtype)
  const isReadable = isLittleEndian === isLittleEndianHost || size === 1
  const inPlace = isReadable && bytes.byteOffset % size === 0 ? bytes : new Uint8Array(bytes) // slice() of a Buffer copies nothing
  if (!isReadable) swapBytes(inPlace, size)
  const Elements = allocate(dtype, 0).constructor as Uint8ArrayConstructor
  return new Elements(inPlace.buffer as ArrayBuffer, inPlace.byteOffset, inPlace.byteLength / size)
}

/** Writes elements little-endian, as `decodeElements` reads them. @param target  as many bytes as the elements have */
export function writeElements(
  { buffer, byteOffset, byteLength, BYTES_PER_ELEMENT }: NumberArray | BigIntArray,
  target: Uint8Array,
): void {
  target.set(new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength))
  if (!isLittleEndianHost) swapBytes(target, BYTES_PER_ELEMENT)
}

/** The elements as bytes, little-endian: a view where the host has them so, else a copy. */
export function littleEndianBytes(data: NumberArray | BigIntArray): Uint8Array {
  if (isLittleEndianHost) return new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength)
  const bytes = new Uint8Array(data.byteLength)
  writeElements(data, bytes)
  return bytes
}

function swapBytes({ buffer, byteOffset, byteLength }: Uint8Array, size: number): void {
  const bytes = Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength)
  if (size === 2) bytes.swap16()
  else if (size === 4) bytes.swap32()
  else if (size === 8) bytes.swap64()
}

function refuseOtherThanFlags(name: string, bytes: Uint8Array): void {
  const at = bytes.findIndex(byte => byte > 1)
  if (at < 0) return
  throw new ScoringError('INPUT_TYPE_MISMATCH', `input "${name}": element ${at} is neither 0 nor 1, bool takes those`)
}
