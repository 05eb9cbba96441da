import { ScoringError } from '../../errors.ts'
import { allocate, type BigIntArray, type Dtype, integerRange, type TensorData } from '../../tensor/dtype.ts'
import { type BinaryDtype, decodeElements, elementSize } from '../../tensor/element-bytes.ts'
import { fromHalfBits } from '../../tensor/float16-array.ts'
import { elementCount, type Shape } from '../../tensor/shape.ts'
import { Tensor } from '../../tensor/tensor.ts'
import type { RepeatedNumbers } from '../grpc/repeated-numbers.ts'
import { type DataType, findDataType, type ValueField, valueFields } from './data-types.ts'
import type { TensorMessage } from './tensor-message.ts'
import { splitTexts } from './text-content.ts'

/**
 * The most bytes of a tensor whose last value fills the rest: a message of some bytes could else ask for any memory, and a worker
 * reads hundreds of messages before it runs.
 */
const maxFilledBytes = 1_048_576

/** Bytes of a text beside its characters, roughly. */
const textBytes = 16

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Reads a tensor of a request: elements that came as bytes in place where the host can, and numbers of typed fields, of which
 * the last one fills the rest of the shape.
 *
 * @param input  its name, for messages
 * @throws ScoringError INPUT_INVALID, INPUT_TYPE_MISMATCH or INPUT_SHAPE_MISMATCH, before anything is allocated
 */
export function readTensor(input: string, message: TensorMessage): Tensor {
  const type = findDataType(input, message.dataType)
  const shape = message.readShape(input)
  const { dtype } = type
  if (dtype === 'string') return new Tensor('string', decodeTexts(input, readTexts(input, message, shape)), shape)
  if (message.content.length > 0) return readContent(input, dtype, message.content, shape)
  const count = checkCount(input, type, message, shape)
  if (elementCount(shape) === 0) return new Tensor(dtype, allocate(dtype, 0), shape)
  const values = readNumbers(input, type, message.numbers(type.field), count)
  return new Tensor(dtype, fill(values, dtype, elementCount(shape)), shape)
}

/**
 * The values of a DT_STRING tensor, as bytes.
 *
 * @throws ScoringError INPUT_INVALID or INPUT_SHAPE_MISMATCH
 */
export function readTexts(input: string, message: TensorMessage, shape: Shape): Iterable<Uint8Array> {
  const count = elementCount(shape)
  if (message.content.length > 0) return splitTexts(input, message.content, count)
  const type = findDataType(input, message.dataType)
  if (message.count('string_val') !== count) checkCount(input, type, message, shape)
  return count === 0 ? [] : filled(message.texts(), count, given => refuseFilling(input, shape, given))
}

/** @param refuse  makes the error for values that are too long to be repeated, of which so many came */
function* filled(
  values: Iterable<Uint8Array>,
  count: number,
  refuse: (given: number) => ScoringError,
): Generator<Uint8Array> {
  let last: Uint8Array = new Uint8Array()
  let index = 0
  for (const value of values) {
    yield value
    last = value
    index++
  }
  if (index < count && count * (last.length + textBytes) > maxFilledBytes) throw refuse(index)
  for (; index < count; index++) yield last
}

function decodeTexts(input: string, values: Iterable<Uint8Array>): string[] {
  const texts: string[] = []
  try {
    for (const bytes of values) texts.push(utf8.decode(bytes))
  } catch (failure) {
    if (failure instanceof ScoringError) throw failure
    throw new ScoringError(
      'INPUT_TYPE_MISMATCH',
      `input ${JSON.stringify(input)}: value ${texts.length} is not UTF-8, and the model takes text`,
    )
  }
  return texts
}

function readContent(input: string, dtype: BinaryDtype, content: Uint8Array, shape: Shape): Tensor {
  const needed = elementCount(shape) * elementSize(dtype)
  if (content.length !== needed) {
    throw new ScoringError(
      'INPUT_SHAPE_MISMATCH',
      `input ${JSON.stringify(input)}: shape [${shape.join(', ')}] of ${dtype} needs ${needed} bytes of tensor_content, got ${content.length}`,
    )
  }
  return new Tensor(dtype, decodeElements(input, dtype, content, true), shape)
}

/** @returns the number of values that the typed field has: as many as elements, or fewer where the last one fills the rest */
function checkCount(input: string, type: DataType, message: TensorMessage, shape: Shape): number {
  const { name, field, dtype } = type
  const count = message.count(field)
  const needed = elementCount(shape)
  const where = `input ${JSON.stringify(input)} of shape [${shape.join(', ')}]`
  if (count === 0 && needed > 0) {
    const other = (Object.keys(valueFields) as ValueField[]).find(each => message.count(each) > 0)
    const hint = other ? `; its values are in ${other}, where those of ${name} are not looked for` : ''
    throw new ScoringError('INPUT_INVALID', `${where} has neither tensor_content nor ${field}${hint}`)
  }
  if (count > needed)
    throw new ScoringError('INPUT_SHAPE_MISMATCH', `${where} needs ${needed} elements, ${field} has ${count}`)
  if (dtype !== 'string' && count < needed && needed * elementSize(dtype) > maxFilledBytes)
    throw refuseFilling(input, shape, count)
  return count
}

function refuseFilling(input: string, shape: Shape, given: number): ScoringError {
  const where = `input ${JSON.stringify(input)} of shape [${shape.join(', ')}]`
  const rule = `the last one fills the rest of up to ${maxFilledBytes} bytes; send all of them`
  return new ScoringError('INPUT_INVALID', `${where} has ${given} of ${elementCount(shape)} elements, and ${rule}`)
}

/** Reads the values of a typed field, which may have more bits there than in the type. */
function readNumbers(input: string, { dtype }: DataType, numbers: RepeatedNumbers, count: number): TensorData {
  switch (dtype) {
    case 'float32':
    case 'float64':
      return decodeElements(input, dtype, numbers.bytes, true)
    case 'int64':
    case 'uint64': {
      const wide = allocate(dtype, count) as BigIntArray
      numbers.copyLongVarints(wide)
      return wide
    }
    case 'uint32': {
      const values = new Uint32Array(count)
      numbers.copyVarints(values)
      return values
    }
    default: {
      const values = new Int32Array(count)
      numbers.copyVarints(values)
      return narrow(input, dtype, values)
    }
  }
}

/** @throws ScoringError INPUT_TYPE_MISMATCH for a value that the type has not; TensorFlow would score another one */
function narrow(input: string, dtype: Dtype, values: Int32Array): TensorData {
  if (dtype === 'int32') return values
  if (dtype === 'bool') return Uint8Array.from(values, value => (value === 0 ? 0 : 1))
  const [min, max] = integerRange[dtype] ?? [0, 65535]
  const at = values.findIndex(value => value < min || value > max)
  if (at >= 0) {
    const takes = dtype === 'float16' ? 'half_val has the 16 bits of each number' : `${dtype} has ${min} to ${max}`
    throw new ScoringError(
      'INPUT_TYPE_MISMATCH',
      `input ${JSON.stringify(input)}: value ${at} is ${values[at]}, ${takes}`,
    )
  }
  if (dtype === 'float16') return fromHalfBits(Uint16Array.from(values))
  const narrowed = allocate(dtype, values.length) as Uint8Array
  narrowed.set(values)
  return narrowed
}

/** @returns `count` elements, the last one repeated; the values themselves when they are as many */
function fill(values: TensorData, dtype: BinaryDtype, count: number): TensorData {
  if (values.length === count) return values
  const all = allocate(dtype, count) as Float64Array
  all.set(values as Float64Array)
  return all.fill(values.at(-1) as number, values.length)
}
