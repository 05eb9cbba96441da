/**
 * Tensors as bytes: little-endian, row-major, without padding; a BOOL is one byte, and each text of BYTES follows its length, a
 * little-endian uint32 (Triton, "Binary Tensor Data Extension"; `raw_input_contents` over gRPC).
 */
import { maxShown, ScoringError, showName } from '../../errors.ts'
import { decodeElements, elementSize, writeElements } from '../../tensor/element-bytes.ts'
import { elementCount, type Shape } from '../../tensor/shape.ts'
import { Tensor } from '../../tensor/tensor.ts'
import { decodeDatatype } from './datatypes.ts'
import { invalidInput } from './invalid-input.ts'

/** What is said of a tensor beside its elements. */
export interface TensorHead {
  readonly name: string
  /** e.g. `FP32` */
  readonly datatype: string
  readonly shape: Shape
}

/** More dimensions than any model has. */
const maxRank = 32

/** Bytes of the length before each text. */
const lengthBytes = 4

/**
 * Reads a tensor in place where the host can, else from a copy.
 *
 * @param bytes  all its elements and nothing else
 * @throws ScoringError INPUT_SHAPE_MISMATCH, INPUT_TYPE_MISMATCH or INPUT_INVALID, before anything is allocated
 */
export function decodeRawTensor({ name, datatype, shape }: TensorHead, bytes: Uint8Array): Tensor {
  const dtype = decodeDatatype(name, datatype)
  checkSizes(name, shape)
  const count = elementCount(shape)
  if (dtype === 'string') return new Tensor('string', decodeTexts(name, count, bytes), shape)
  if (count * elementSize(dtype) !== bytes.byteLength) {
    const needs = `shape [${shape.join(', ')}] of ${datatype} needs ${count * elementSize(dtype)} bytes`
    throw new ScoringError('INPUT_SHAPE_MISMATCH', `input ${showName(name)}: ${needs}, got ${bytes.byteLength}`)
  }
  return new Tensor(dtype, decodeElements(name.slice(0, maxShown), dtype, bytes, true), shape)
}

/** @throws ScoringError INPUT_INVALID */
export function checkSizes(name: string, shape: Shape): void {
  if (shape.length <= maxRank && shape.every(size => Number.isSafeInteger(size) && size >= 0)) return
  const why =
    shape.length > maxRank
      ? `has ${shape.length} dimensions, at most ${maxRank} are taken`
      : 'has a size that is not a whole number from 0 on'
  throw invalidInput(`input ${showName(name)}: its shape ${why}`)
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function decodeTexts(name: string, count: number, bytes: Uint8Array): string[] {
  const wrong = (what: string) =>
    new ScoringError(
      'INPUT_SHAPE_MISMATCH',
      `input ${showName(name)} of BYTES ${what}; before each text stands its length`,
    )
  // Each text takes the bytes of its length at least, so what is allocated is bounded by what came.
  if (!(count * lengthBytes <= bytes.byteLength))
    throw wrong(`needs ${count * lengthBytes} bytes for its lengths alone, got ${bytes.byteLength}`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const texts = new Array<string>(count)
  let offset = 0
  for (let index = 0; index < count; index++) {
    const start = offset + lengthBytes
    if (start > bytes.byteLength) throw wrong(`ends before element ${index} of ${count}`)
    offset = start + view.getUint32(offset, true)
    if (offset > bytes.byteLength) throw wrong(`ends within element ${index} of ${count}`)
    texts[index] = decodeText(name, index, bytes.subarray(start, offset))
  }
  if (offset < bytes.byteLength) throw wrong(`has ${bytes.byteLength - offset} bytes after its ${count} elements`)
  return texts
}

/**
 * Reads one text.
 *
 * @throws ScoringError INPUT_TYPE_MISMATCH, because a text here is Unicode and holds no other bytes
 */
export function decodeText(name: string, index: number, bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes)
  } catch {
    throw new ScoringError('INPUT_TYPE_MISMATCH', `input ${showName(name)}: element ${index} is not UTF-8`)
  }
}

/** Bytes that `writeRawTensor` writes. */
export function countRawBytes({ data }: Tensor): number {
  if (!Array.isArray(data)) return data.byteLength
  return data.reduce((sum, text) => sum + lengthBytes + Buffer.byteLength(text), 0)
}

/** @param target  `countRawBytes` bytes */
export function writeRawTensor({ data }: Tensor, target: Uint8Array): void {
  if (!Array.isArray(data)) return writeElements(data, target)
  const bytes = Buffer.from(target.buffer, target.byteOffset, target.byteLength)
  let offset = 0
  for (const text of data) {
    const length = bytes.write(text, offset + lengthBytes)
    bytes.writeUInt32LE(length, offset)
    offset += lengthBytes + length
  }
}
