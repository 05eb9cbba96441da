import { ScoringError } from '../errors.ts'
import { allocate, type TensorData } from './dtype.ts'
import { type BinaryDtype, decodeElements, elementSize } from './element-bytes.ts'
import { decodeNpyHeader } from './npy-header.ts'
import { elementCount, type Shape } from './shape.ts'
import { Tensor } from './tensor.ts'

/** The types by NumPy's letter and bytes (numpy.dtype.str without the byte order). */
const dtypes = new Map<string, BinaryDtype>([
  ['b1', 'bool'],
  ['i1', 'int8'],
  ['u1', 'uint8'],
  ['i2', 'int16'],
  ['u2', 'uint16'],
  ['i4', 'int32'],
  ['u4', 'uint32'],
  ['i8', 'int64'],
  ['u8', 'uint64'],
  ['f2', 'float16'],
  ['f4', 'float32'],
  ['f8', 'float64'],
])

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
  const dtype = dtypes.get(text ?? '')
  // `=` depends on the reader's machine; NumPy never writes it.
  if (!dtype || order === '=' || (order !== '<' && order !== '>' && elementSize(dtype) > 1)) {
    // `O` is a Python pickle, which is code; it must not be read at all.
    const found = descr === undefined ? 'a structured dtype' : `the dtype ${JSON.stringify(descr.slice(0, 32))}`
    throw new ScoringError(
      'INPUT_TYPE_MISMATCH',
      `input "${name}" came as .npy of ${found}; taken are ${[...dtypes.keys()].join(', ')}`,
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

function readHeader(bytes: Uint8Array): ReturnType<typeof decodeNpyHeader> {
  try {
    return decodeNpyHeader(bytes)
  } catch (cause) {
    throw new ScoringError('INPUT_NOT_NPY', `the body is not a .npy file: ${(cause as Error).message}`)
  }
}

/** Reorders elements from Fortran order, in which the first index runs fastest, to C order. */
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
