import { littleEndianBytes } from '../../tensor/element-bytes.ts'
import { halfBits } from '../../tensor/float16-array.ts'
import type { Shape } from '../../tensor/shape.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { MessageWriter } from '../grpc/message-writer.ts'
import { dataTypeFor, valueFields } from './data-types.ts'

/**
 * Writes a tensor of an answer as a `TensorProto`. Its elements are in the typed field, where every client looks for them: the
 * C# client of the FPGA services reads nothing but `float_val`. Packed floats are the same bytes as `tensor_content` has.
 */
export function writeTensor({ dtype, shape, data }: Tensor): MessageWriter {
  const type = dataTypeFor(dtype)
  const field = valueFields[type.field].number
  const message = new MessageWriter().integer(1, type.number).message(2, writeShape(shape))
  if (data.length === 0) return message
  if (Array.isArray(data)) {
    for (const text of data) message.text(field, text)
    return message
  }
  if (dtype === 'float32' || dtype === 'float64') return message.bytes(field, littleEndianBytes(data))
  if (dtype === 'float16') return message.integers(field, halfBits(data as Float16Array))
  return message.integers(field, data as Uint8Array | BigInt64Array)
}

/** @param shape  -1: any size */
export function writeShape(shape: Shape): MessageWriter {
  const message = new MessageWriter()
  for (const size of shape) message.message(2, new MessageWriter().integer(1, size))
  return message
}
