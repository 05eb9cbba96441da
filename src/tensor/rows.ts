import { copyBytes } from './copy-bytes.ts'
import { allocate, type TensorData } from './dtype.ts'
import type { BinaryDtype } from './element-bytes.ts'
import { elementCount } from './shape.ts'
import { Tensor } from './tensor.ts'

/**
 * Concatenates tensors of one row shape along the axis of the rows.
 *
 * @param parts  shapes [rows_i, ...rest], or [...before, rows_i, ...after] with `axis`; one dtype, the same classes
 * @param axis   the axis of the rows
 * @param storage  gives memory for so many numbers; absent: they get memory of their own
 * @returns shape [sum of rows_i, ...rest], a copy (the part itself when there is only one)
 */
export function concatRows(parts: readonly Tensor[], axis = 0, storage: Storage = allocate): Tensor {
  const [first] = parts
  if (!first) throw new RangeError('concatRows needs at least one tensor')
  if (parts.length === 1) return first
  const rowCount = parts.reduce((sum, { shape }) => sum + (shape[axis] ?? 1), 0)
  const shape = [...first.shape.slice(0, axis), rowCount, ...first.shape.slice(axis + 1)]
  const data = first.dtype === 'string' ? [] : storage(first.dtype, elementCount(shape))
  const blocks = elementCount(shape.slice(0, axis))
  let offset = 0
  for (let block = 0; block < blocks; block++) {
    for (const part of parts) {
      const length = part.data.length / blocks
      const rows = blocks === 1 ? part.data : range(part.data, block * length, (block + 1) * length)
      if (Array.isArray(data)) {
        for (const [index, text] of (rows as string[]).entries()) data[offset + index] = text
      } else {
        copyNumbers(rows as Numbers, data as Numbers, offset)
      }
      offset += length
    }
  }
  return new Tensor(first.dtype, data, shape, first.classes)
}

/** Gives memory for so many numbers, which may hold anything. */
export type Storage = (dtype: BinaryDtype, count: number) => TensorData

type Numbers = Exclude<TensorData, string[]>

/** Fewer numbers are copied by themselves faster than as bytes. */
const copiedAsBytesFrom = 4096

/** @param offset  numbers before them in the target, which has the same type */
function copyNumbers(source: Numbers, target: Numbers, offset: number): void {
  // float16 is no view where Node.js has no such type.
  if (source.length < copiedAsBytesFrom || !ArrayBuffer.isView(source) || !ArrayBuffer.isView(target))
    return (target as Float64Array).set(source as Float64Array, offset)
  copyBytes(viewBytes(source), viewBytes(target), offset * source.BYTES_PER_ELEMENT)
}

function viewBytes({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength)
}

/**
 * Takes rows `from` up to but not including `to` of a tensor whose rows are on the first axis.
 *
 * @returns shape [to - from, ...rest], sharing the tensor's memory (no copy, but for strings)
 */
export function sliceRows({ dtype, data, shape, classes }: Tensor, from: number, to: number): Tensor {
  const length = elementCount(shape.slice(1))
  return new Tensor(dtype, range(data, from * length, to * length), shape.with(0, to - from), classes)
}

/**
 * Cuts a batched tensor back into the tensors that went into it, in order.
 *
 * @param batched    shape [sum of rowCounts, ...rest], row-major; or [...before, sum, ...after] with `axis`
 * @param rowCounts  rows each caller contributed, e.g. [2, 1, 4]
 * @param axis       the axis of the rows
 * @returns shape [rowCounts[i], ...rest] each, sharing `batched`'s memory (no copy, but for strings and later axes)
 * @throws RangeError when rowCounts does not add up to the batch axis
 */
export function splitRows(batched: Tensor, rowCounts: readonly number[], axis = 0): Tensor[] {
  const { dtype, data, shape } = batched
  const total = rowCounts.reduce((sum, count) => sum + count, 0)
  if (total !== shape[axis]) throw new RangeError(`cannot cut shape [${shape.join(', ')}] into ${total} rows`)
  const rowLength = elementCount(shape.slice(axis + 1))
  const blocks = elementCount(shape.slice(0, axis))
  let start = 0
  return rowCounts.map(count => {
    const from = start
    const length = count * rowLength
    start += length
    const rows = blocks === 1 ? range(data, from, from + length) : inBlocks(batched, axis, from, length)
    return new Tensor(dtype, rows, shape.with(axis, count), axis < shape.length - 1 ? batched.classes : undefined)
  })
}

/** Copies the same stretch of each block, where rows are not on the first axis. */
function inBlocks({ dtype, data, shape }: Tensor, axis: number, from: number, length: number): TensorData {
  const blocks = elementCount(shape.slice(0, axis))
  const blockLength = elementCount(shape.slice(axis))
  const stretches = Array.from({ length: blocks }, (_, block) => {
    const start = block * blockLength + from
    return new Tensor(dtype, range(data, start, start + length), [length])
  })
  return stretches.length === 0 ? allocate(dtype, 0) : concatRows(stretches).data
}

function range(data: TensorData, start: number, end: number): TensorData {
  return Array.isArray(data) ? data.slice(start, end) : data.subarray(start, end)
}
