import { ScoringError } from '../errors.ts'
import { allocate, type TensorData } from './dtype.ts'
import { type BinaryDtype, decodeElements, elementSize, encodeElements } from './element-bytes.ts'
import { decodeNpyHeader, npyMagic } from './npy-header.ts'
import { elementCount, type Shape } from './shape.ts'
import { Tensor } from './tensor.ts'

/** NumPy's letter and bytes for each type (numpy.dtype.str without the byte order). */
const typeString: Record<BinaryDtype, string> = {
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
}
const dtypesByText = new Map(Object.entries(typeString).map(([dtype, text]) => [text, dtype as BinaryDtype]))

/**
 * Reads a `.npy` file as `numpy.save` writes it: versions 1.0 to 3.0, either byte order, C and Fortran order. C order in the
 * host's byte order is not copied.
 *
 * @param name  the input, for messages
 * @throws ScoringError INPUT_NOT_NPY when it is malformed, INPUT_TYPE_MISMATCH when no tensor can hold its elements
 */
export function decodeNpy(name: string, bytes: Uint8Array): Tensor {
  const { descr, isFortranOrder, shape, dataOffset } = readHeader(bytes)
  const [, order, text] = /^([<>|=]?)([a-z]\d)$/.exec(descr ?? '') ?? []
  const dtype = dtypesByText.get(text ?? '')
  // `=` depends on who reads; NumPy never writes it.
  if (!dtype || order === '=' || (order !== '<' && order !== '>' && elementSize(dtype) > 1)) {
    // `O` is a Python pickle, which is code; it must not be read at all.
    const found = descr === undefined ? 'a structured dtype' : `the dtype ${JSON.stringify(descr.slice(0, 32))}`
    throw new ScoringError(
      'INPUT_TYPE_MISMATCH',
      `input "${name}" came as .npy of ${found}; taken are ${[...dtypesByText.keys()].join(', ')}`,
    )
  }
  const data = bytes.subarray(dataOffset)
  const expected = elementCount(shape) * elementSize(dtype)
  if (data.length !== expected) {
    const why = `shape [${shape.join(', ')}] of ${dtype} needs ${expected} bytes, ${data.length} follow the header`
    throw new ScoringError('INPUT_NOT_NPY', `the body is not a .npy file: its ${why}`)
  }
  const elements = decodeElements(name, dtype, data, order !== '>')
  return new Tensor(dtype, isFortranOrder ? toRowMajor(dtype, elements, shape) : elements, shape)
}

/** A `.npy` file, version 1.0, little-endian, C order, as `numpy.load` reads it. */
export function encodeNpy({ dtype, shape, data }: Tensor): Uint8Array {
  if (dtype === 'string') throw new TypeError('a string tensor cannot be written as .npy')
  const order = elementSize(dtype) === 1 ? '|' : '<'
  const tuple = shape.length === 1 ? `${shape[0]},` : shape.join(', ')
  const header = `{'descr': '${order}${typeString[dtype]}', 'fortran_order': False, 'shape': (${tuple}), }`
  // Spaces and a line feed fill up to a multiple of 64, so that the elements can be mapped into memory.
  const dataOffset = Math.ceil((10 + header.length + 1) / 64) * 64
  const elements = encodeElements(dtype, data)
  const file = new Uint8Array(dataOffset + elements.length)
  file.set([...npyMagic, 1, 0])
  new DataView(file.buffer).setUint16(8, dataOffset - 10, true)
  file.set(new TextEncoder().encode(`${header.padEnd(dataOffset - 11)}\n`), 10)
  file.set(elements, dataOffset)
  return file
}

function readHeader(bytes: Uint8Array): ReturnType<typeof decodeNpyHeader> {
  try {
    return decodeNpyHeader(bytes)
  } catch (cause) {
    throw new ScoringError('INPUT_NOT_NPY', `the body is not a .npy file: ${(cause as Error).message}`)
  }
}

/** Elements with the first index running fastest, put in the order where the last one does. */
function toRowMajor(dtype: BinaryDtype, elements: TensorData, shape: Shape): TensorData {
  const strides = shape.map((_, axis) => elementCount(shape.slice(0, axis)))
  const index = new Array<number>(shape.length).fill(0)
  const rowMajor = allocate(dtype, elements.length)
  for (let target = 0, source = 0; target < elements.length; target++) {
    ;(rowMajor as Float64Array)[target] = elements[source] as number
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      source += strides[axis] as number
      if (++(index[axis] as number) < (shape[axis] as number)) break
      source -= (strides[axis] as number) * (shape[axis] as number)
      index[axis] = 0
    }
  }
  return rowMajor
}
