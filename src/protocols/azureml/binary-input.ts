import { InputShapeMismatch, ScoringError } from '../../errors.ts'
import type { TensorInfo } from '../../models/session/model-session.ts'
import type { InferenceRequest, TensorLayout } from '../../scheduling/inference-request.ts'
import { checkEmptyTensor } from '../../scripts/feeds.ts'
import { parseMediaType } from '../../scripts/media-type.ts'
import { type Dtype, isDtype } from '../../tensor/dtype.ts'
import { type BinaryDtype, decodeElements, elementSize } from '../../tensor/element-bytes.ts'
import { convertExactly, isExact } from '../../tensor/exact-conversion.ts'
import { decodeNpy } from '../../tensor/npy.ts'
import { isNpy } from '../../tensor/npy-header.ts'
import { elementCount, fits, isOpen, type Shape } from '../../tensor/shape.ts'
import { Tensor } from '../../tensor/tensor.ts'

const npy = 'application/x-npy'
const raw = 'application/octet-stream'

/** What a service takes besides JSON without a word from its script: the elements of its only input, as bytes. */
export function binaryMediaTypes(inputs: readonly TensorInfo[]): readonly string[] {
  return inputs.length === 1 && inputs[0]?.dtype !== 'string' ? [npy, raw] : []
}

/**
 * Reads a tensor that came as bytes: a `.npy` file, or its elements alone, little-endian and row-major. Those are not
 * copied, unless another type or byte order came. NaN and infinities are values like any other here.
 *
 * @param request  of one of `binaryMediaTypes`; `details.layout` tells how raw elements lie
 * @throws ScoringError BODY_EMPTY, INPUT_NOT_NPY, INPUT_TYPE_MISMATCH, INPUT_INVALID or INPUT_SHAPE_MISMATCH
 */
export function decodeBinaryInput({ body, contentType, details }: InferenceRequest, input: TensorInfo): Tensor {
  const mediaType = parseMediaType(contentType)
  const layout = details?.layout
  refuseEmpty(body, mediaType)
  // Most clients send files as octet-stream. Raw elements do not begin like a .npy file, whose header would be scored as numbers;
  // a caller who means raw elements can say so by their layout.
  const isFile = mediaType === npy || (!layout && isNpy(body))
  const tensor = isFile ? decodeNpy(input.name, body) : decodeRaw(body, layout ?? {}, input)
  refuseInexact(tensor.dtype, input)
  if (input.shape && !fits(tensor.shape, input.shape))
    throw new InputShapeMismatch(input.name, input.shape, tensor.shape)
  checkEmptyTensor(tensor, input)
  return convertExactly(tensor, input.dtype as BinaryDtype)
}

/** @throws ScoringError BODY_EMPTY */
export function refuseEmpty(body: Uint8Array, mediaType: string): void {
  if (body.length === 0) throw new ScoringError('BODY_EMPTY', `POST body is empty. Expecting ${mediaType}.`)
}

function decodeRaw(body: Uint8Array, layout: TensorLayout, input: TensorInfo): Tensor {
  const dtype = parseDtype(layout.dtype, input)
  refuseInexact(dtype, input)
  const shape = layout.shape === undefined ? inferShape(body.length, dtype, input) : parseShape(layout.shape)
  if (elementCount(shape) * elementSize(dtype) !== body.length) throw wrongSize(body.length, dtype, input, shape)
  return new Tensor(dtype, decodeElements(input.name, dtype, body, true), shape)
}

function parseDtype(text: string | undefined, input: TensorInfo): BinaryDtype {
  if (text === undefined) return input.dtype as BinaryDtype
  const dtype = text.trim()
  if (isDtype(dtype) && dtype !== 'string') return dtype
  const what = `the dtype ${JSON.stringify(text.slice(0, 32))} is not known`
  throw new ScoringError('INPUT_INVALID', `input "${input.name}": ${what}; say e.g. x-tensor-dtype: ${input.dtype}`)
}

function parseShape(text: string): Shape {
  if (/^\s*\d{1,15}(\s*,\s*\d{1,15}){0,31}\s*$/.test(text)) return text.split(',').map(Number)
  throw new ScoringError('INPUT_INVALID', 'the shape is not a list of sizes; say e.g. x-tensor-shape: 1,3,224,224')
}

/** Rows of fixed size tell their number; further open dimensions cannot be told from the bytes. */
function inferShape(byteCount: number, dtype: BinaryDtype, input: TensorInfo): Shape {
  const [first, ...rest] = input.shape ?? []
  if (!input.shape || rest.some(isOpen)) {
    const takes = input.shape ? `shape [${input.shape.join(', ')}]` : 'any shape'
    const example = (input.shape ?? [byteCount / elementSize(dtype)]).map(size => (isOpen(size) ? 1 : size)).join(',')
    throw new ScoringError(
      'INPUT_INVALID',
      `input "${input.name}" takes ${takes}; say which one came, e.g. x-tensor-shape: ${example}`,
    )
  }
  if (first === undefined || !isOpen(first)) return input.shape as Shape
  const rowBytes = elementCount(rest as Shape) * elementSize(dtype)
  if (byteCount % rowBytes !== 0) throw wrongSize(byteCount, dtype, input, [1, ...(rest as Shape)])
  return [byteCount / rowBytes, ...(rest as Shape)]
}

function refuseInexact(came: Dtype, { name, dtype }: TensorInfo): void {
  if (isExact(came, dtype)) return
  throw new ScoringError(
    'INPUT_TYPE_MISMATCH',
    `input "${name}" came as ${came}, the model takes ${dtype}, which does not hold all ${came} values; convert before you send, e.g. numpy's astype("${dtype}")`,
  )
}

/** Types to think of when the bytes are too many or too few for the one that was said, NumPy's default first. */
const usual = ['float64', 'float32', 'float16', 'uint8', 'int64', 'int32'] as const

function wrongSize(byteCount: number, dtype: BinaryDtype, input: TensorInfo, shape: Shape): ScoringError {
  const size = elementSize(dtype)
  const held = byteCount % size === 0 ? `${byteCount / size}` : `${(byteCount / size).toFixed(2)}`
  const count = elementCount(shape)
  const needs = `shape [${shape.join(', ')}] needs ${count}, which are ${count * size} bytes`
  const other = usual.find(each => elementSize(each) !== size && byteCount === count * elementSize(each))
  const hint = other ? `; they would fit as ${other} (${adviceFor(other, input)})` : ''
  return new ScoringError(
    'INPUT_SHAPE_MISMATCH',
    `input "${input.name}": ${byteCount} bytes are ${held} ${dtype} elements; ${needs}${hint}`,
  )
}

function adviceFor(other: BinaryDtype, { dtype }: TensorInfo): string {
  return isExact(other, dtype) ? `x-tensor-dtype: ${other}` : `the model takes ${dtype}: convert before you send`
}
