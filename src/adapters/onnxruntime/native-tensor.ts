import './telemetry-off.ts'

import * as ort from 'onnxruntime-node'
import type { TensorInfo } from '../../engine/model-session.ts'
import { InputShapeMismatch, ScoringError, ServiceLoadError } from '../../errors.ts'
import { isDtype, type TensorData } from '../../tensor/dtype.ts'
import { fits } from '../../tensor/shape.ts'
import { Tensor } from '../../tensor/tensor.ts'

/**
 * A tensor of ours as the runtime takes it, sharing its memory.
 *
 * @throws TypeError when it is none or has another type than the input; InputShapeMismatch
 */
export function toNative(input: TensorInfo, tensor: Tensor | undefined): ort.Tensor {
  // A missing input or another type is the entry script's mistake, a shape mostly the caller's.
  if (!(tensor instanceof Tensor))
    throw new TypeError(`the model takes a Tensor "${input.name}" of type ${input.dtype}`)
  if (tensor.dtype !== input.dtype)
    throw new TypeError(`"${input.name}" has type ${tensor.dtype}, the model takes ${input.dtype}`)
  if (!fits(tensor.shape, input.shape)) throw new InputShapeMismatch(input.name, input.shape, tensor.shape)
  if (tensor.dtype === 'string') refuseLossyTexts(input.name, tensor.data as string[])
  const native = new ort.Tensor(tensor.dtype as 'float32', tensor.data as Float32Array, tensor.shape)
  if (tensor.dtype === 'float16') passFloat16AsBits(native)
  return native
}

/** The runtime takes texts as UTF-8 up to the first NUL (1.30): it would score others than came, without a word. */
function refuseLossyTexts(input: string, texts: readonly string[]): void {
  const at = texts.findIndex(text => text.includes('\0') || !text.isWellFormed())
  if (at < 0) return
  const what = texts[at]?.includes('\0') ? 'a NUL character' : 'half of a surrogate pair'
  throw new ScoringError('INPUT_TYPE_MISMATCH', `input "${input}": text ${at} has ${what}, which the model cannot take`)
}

/** A tensor of the runtime as ours, sharing its memory. */
export function fromNative({ type, data, dims }: ort.Tensor): Tensor {
  return new Tensor(type as Tensor['dtype'], data as TensorData, dims)
}

/** Node-API does not know Float16Array and would hand over nothing; the binding takes the bits as Uint16Array (1.30). */
function passFloat16AsBits(tensor: ort.Tensor): void {
  const { buffer, byteOffset, length } = tensor.data as unknown as Float16Array
  Object.assign(tensor, { cpuData: new Uint16Array(buffer, byteOffset, length) })
}

/**
 * An input or output as the graph declares it.
 *
 * @throws ServiceLoadError when JavaScript cannot hold it
 */
export function tensorInfo(model: string, value: ort.InferenceSession.ValueMetadata): TensorInfo {
  if (!value.isTensor)
    throw new ServiceLoadError(
      `model "${model}": "${value.name}" is not a tensor (a map or sequence); only tensors can be scored`,
    )
  if (!isDtype(value.type)) {
    throw new ServiceLoadError(
      `model "${model}": "${value.name}" has the type ${value.type}, which JavaScript cannot hold`,
    )
  }
  // A dimension that the graph leaves open without a name comes as an empty name.
  return { name: value.name, dtype: value.type, shape: value.shape.map(size => (size === '' ? -1 : size)) }
}
