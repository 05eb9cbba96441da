import './telemetry-off.ts'

import * as ort from 'onnxruntime-node'
import { InputShapeMismatch, ScoringError } from '../../errors.ts'
import type { ServedOutput } from '../../models/graph/servable-graph.ts'
import type { TensorInfo } from '../../models/session/model-session.ts'
import { isDtype, type TensorData } from '../../tensor/dtype.ts'
import { fromHalfBits, halfBits } from '../../tensor/float16-array.ts'
import { fits } from '../../tensor/shape.ts'
import { Tensor } from '../../tensor/tensor.ts'

/**
 * Converts a tensor for the runtime, sharing its memory.
 *
 * @throws TypeError when it is no Tensor or has another type than the input; InputShapeMismatch
 */
export function toNative(input: TensorInfo, tensor: Tensor | undefined): ort.Tensor {
  // A missing input or another type is the entry script's mistake, a shape mostly the caller's.
  if (!(tensor instanceof Tensor))
    throw new TypeError(`the model takes a Tensor "${input.name}" of type ${input.dtype}`)
  if (tensor.dtype !== input.dtype)
    throw new TypeError(`"${input.name}" has type ${tensor.dtype}, the model takes ${input.dtype}`)
  if (input.shape && !fits(tensor.shape, input.shape))
    throw new InputShapeMismatch(input.name, input.shape, tensor.shape)
  if (tensor.dtype === 'string') refuseLossyTexts(input.name, tensor.data as string[])
  if (tensor.dtype === 'float16') return halfTensor(halfBits(tensor.data as Float16Array), tensor.shape)
  return new ort.Tensor(tensor.dtype as 'float32', tensor.data as Float32Array, tensor.shape)
}

/** The runtime takes texts as UTF-8 up to the first NUL (1.30): it would silently score other texts than came. */
function refuseLossyTexts(input: string, texts: readonly string[]): void {
  const at = texts.findIndex(text => text.includes('\0') || !text.isWellFormed())
  if (at < 0) return
  const what = texts[at]?.includes('\0') ? 'a NUL character' : 'half of a surrogate pair'
  throw new ScoringError('INPUT_TYPE_MISMATCH', `input "${input}": text ${at} has ${what}, which the model cannot take`)
}

/**
 * Converts a tensor of the runtime, sharing its memory.
 *
 * @throws RangeError when its last axis has another size than there are classes
 */
export function fromNative({ classes }: TensorInfo, { type, data, dims }: ort.Tensor): Tensor {
  // ZipMap makes one map of a tensor of one dimension (onnx, ai.onnx.ml, ZipMap).
  const shape = classes && dims.length === 1 ? [1, ...dims] : dims
  // Before Node.js 24 the runtime gives the bits.
  const elements = type === 'float16' && data instanceof Uint16Array ? fromHalfBits(data) : data
  return new Tensor(type as Tensor['dtype'], elements as TensorData, shape, classes)
}

/**
 * On Node.js 24 the runtime makes a Float16Array of the bits, which Node-API does not know, so that it would pass nothing; the
 * binding takes them as Uint16Array (1.30).
 */
function halfTensor(bits: Uint16Array, shape: readonly number[]): ort.Tensor {
  return Object.assign(new ort.Tensor('float16', bits, shape), { cpuData: bits })
}

type NativeInfo = ort.InferenceSession.ValueMetadata

/**
 * Describes an input as the graph declares it.
 *
 * @param hasAnyShape  the graph declares no shape, which the runtime reports as that of a scalar
 */
export function inputInfo(value: NativeInfo, hasAnyShape: boolean): TensorInfo {
  const { name, dtype, shape } = readTensorInfo(value)
  return { name, dtype, shape: hasAnyShape ? undefined : shape }
}

/** Describes an output as callers know it, with the shape that the runtime infers where the graph declares none. */
export function outputInfo(value: NativeInfo, { name, classes, list, hasAnyShape }: ServedOutput): TensorInfo {
  const { dtype, shape } = readTensorInfo(value)
  if (classes) return { name, dtype, shape: [shape.length === 2 ? (shape[0] ?? -1) : -1, classes.length], classes }
  const known = hasAnyShape && shape.length === 0 ? undefined : shape
  return { name, dtype, shape: known, ...(list !== undefined && { list }) }
}

function readTensorInfo(value: NativeInfo) {
  if (!value.isTensor || !isDtype(value.type)) throw new Error(`"${value.name}" is no tensor that can be held here`)
  // A dimension that the graph leaves open without a name comes as an empty name.
  return { name: value.name, dtype: value.type, shape: value.shape.map(size => (size === '' ? -1 : size)) }
}
