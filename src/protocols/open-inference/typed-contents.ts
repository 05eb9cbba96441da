/** `InferTensorContents`: the elements of a tensor as numbers, flags or texts, each type in a field of its own. */
import { ScoringError, showName } from '../../errors.ts'
import { allocate, type Dtype, integerRange, type TensorData } from '../../tensor/dtype.ts'
import { decodeElements } from '../../tensor/element-bytes.ts'
import { elementCount } from '../../tensor/shape.ts'
import { Tensor } from '../../tensor/tensor.ts'
import type { MessageReader } from '../grpc/message-reader.ts'
import { RepeatedNumbers } from '../grpc/repeated-numbers.ts'
import { decodeDatatype } from './datatypes.ts'
import { checkSizes, type TensorHead } from './raw-tensor.ts'

/** The fields by their numbers. FP16 has none. */
const fieldNames = [
  ...['', 'bool_contents', 'int_contents', 'int64_contents', 'uint_contents', 'uint64_contents'],
  ...['fp32_contents', 'fp64_contents', 'bytes_contents'],
] as const

const fieldNumbers: Readonly<Record<Exclude<Dtype, 'float16'>, number>> = {
  bool: 1,
  int8: 2,
  int16: 2,
  int32: 2,
  int64: 3,
  uint8: 4,
  uint16: 4,
  uint32: 4,
  uint64: 5,
  float32: 6,
  float64: 7,
  string: 8,
}

/** The elements as they lie in the message, by field. */
export class TypedContents {
  readonly #numbers = new Map<number, RepeatedNumbers>()
  readonly #texts: string[] = []

  /** Adds what a message has: contents that come twice are merged. @throws ScoringError INPUT_INVALID */
  read(reader: MessageReader): void {
    while (reader.next()) {
      const { field } = reader
      if (field === fieldNumbers.string) this.#texts.push(reader.text())
      else if (field < fieldNames.length) reader.numbers(this.#list(field))
      else reader.skip()
    }
  }

  /**
   * Makes a tensor of the elements.
   *
   * @throws ScoringError INPUT_SHAPE_MISMATCH, INPUT_TYPE_MISMATCH or INPUT_INVALID, before anything is allocated
   */
  decode({ name, datatype, shape }: TensorHead): Tensor {
    const dtype = decodeDatatype(name, datatype)
    checkSizes(name, shape)
    if (dtype === 'float16') {
      const what = `${datatype} has no typed contents; send raw_input_contents`
      throw new ScoringError('INPUT_TYPE_MISMATCH', `input ${showName(name)}: ${what}`)
    }
    const field = fieldNumbers[dtype]
    const count = dtype === 'string' ? this.#texts.length : this.#list(field).count
    if (count !== elementCount(shape)) {
      const needs = `shape [${shape.join(', ')}] of ${datatype} needs ${elementCount(shape)} elements in ${fieldNames[field]}`
      throw new ScoringError('INPUT_SHAPE_MISMATCH', `input ${showName(name)}: ${needs}, got ${count}`)
    }
    const data = dtype === 'string' ? this.#texts : decodeNumbers(name, dtype, this.#list(field))
    return new Tensor(dtype, data, shape)
  }

  #list(field: number): RepeatedNumbers {
    const known = this.#numbers.get(field)
    if (known) return known
    const list = new RepeatedNumbers(field === fieldNumbers.float32 ? 4 : field === fieldNumbers.float64 ? 8 : 'varint')
    this.#numbers.set(field, list)
    return list
  }
}

function decodeNumbers(name: string, dtype: Exclude<Dtype, 'string' | 'float16'>, list: RepeatedNumbers): TensorData {
  if (dtype === 'float32' || dtype === 'float64') return decodeElements(name, dtype, list.bytes, true)
  if (dtype === 'int64' || dtype === 'uint64') {
    const data = allocate(dtype, list.count) as BigInt64Array | BigUint64Array
    list.copyLongVarints(data)
    return data
  }
  const numbers = dtype.startsWith('uint') ? new Uint32Array(list.count) : new Int32Array(list.count)
  list.copyVarints(numbers)
  if (dtype === 'int32' || dtype === 'uint32') return numbers
  if (dtype === 'bool') return Uint8Array.from(numbers, flag => (flag === 0 ? 0 : 1))
  return narrow(name, dtype, numbers)
}

/** @throws ScoringError INPUT_TYPE_MISMATCH for a number that the type does not hold */
function narrow(
  name: string,
  dtype: 'int8' | 'int16' | 'uint8' | 'uint16',
  numbers: Int32Array | Uint32Array,
): TensorData {
  const [min, max] = integerRange[dtype] as readonly [number, number]
  const at = numbers.findIndex(number => number < min || number > max)
  if (at >= 0) {
    const what = `element ${at} is ${numbers[at]}, ${dtype} holds ${min} to ${max}`
    throw new ScoringError('INPUT_TYPE_MISMATCH', `input ${showName(name)}: ${what}`)
  }
  const data = allocate(dtype, numbers.length) as Int8Array
  data.set(numbers)
  return data
}
