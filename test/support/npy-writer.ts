import type { Tensor } from '../../src/tensor/tensor.ts'

/** NumPy's letter and bytes for each type (numpy.dtype.str without the byte order). */
const typeStrings = {
  bool: 'b1',
  int8: 'i1',
  uint8: 'u1',
  int16: 'i2',
  uint16: 'u2',
  int32: 'i4',
  uint32: 'u4',
  int64: 'i8',
  uint64: 'u8',
  float16: 'f2',
  float32: 'f4',
  float64: 'f8',
} as const

/** Writes a `.npy` file, version 1.0, in C order, as `numpy.save` does on this little-endian machine. */
export function encodeNpy({ dtype, shape, data }: Tensor): Uint8Array {
  if (dtype === 'string') throw new TypeError('a string tensor cannot be written as .npy')
  const { buffer, byteOffset, byteLength, BYTES_PER_ELEMENT } = data as Uint8Array
  const tuple = shape.length === 1 ? `${shape[0]},` : shape.join(', ')
  const descr = `${BYTES_PER_ELEMENT === 1 ? '|' : '<'}${typeStrings[dtype]}`
  const header = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${tuple}), }`
  // Spaces and a line feed fill up to a multiple of 64, so that the elements can be mapped into memory.
  const dataOffset = Math.ceil((10 + header.length + 1) / 64) * 64
  const file = Buffer.alloc(dataOffset + byteLength)
  file.write('\x93NUMPY\x01\0', 'latin1')
  file.writeUint16LE(dataOffset - 10, 8)
  file.write(`${header.padEnd(dataOffset - 11)}\n`, 10)
  file.set(new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength), dataOffset)
  return new Uint8Array(file.buffer, file.byteOffset, file.byteLength)
}
