import { allocate, type TensorData } from './dtype.ts'
import { elementCount } from './shape.ts'
import { Tensor } from './tensor.ts'

/**
 * Puts tensors of one row shape under each other.
 *
 * @param parts  shapes [rows_i, ...rest], one dtype, the same classes
 * @returns shape [sum of rows_i, ...rest], a copy (the part itself when there is only one)
 */
export function concatRows(parts: readonly Tensor[]): Tensor {
  const [first] = parts
  if (!first) throw new RangeError('concatRows needs at least one tensor')
  if (parts.length === 1) return first
  const rowCount = parts.reduce((sum, part) => sum + part.rowCount, 0)
  const shape = [rowCount, ...first.shape.slice(1)]
  const data = allocate(first.dtype, elementCount(shape))
  let offset = 0
  for (const part of parts) {
    if (Array.isArray(data)) {
      for (const [index, text] of (part.data as string[]).entries()) data[offset + index] = text
    } else {
      // Same dtype, so both are number arrays or both BigInt arrays; TypeScript cannot see that.
      ;(data as Float64Array).set(part.data as Float64Array, offset)
    }
    offset += part.data.length
  }
  return new Tensor(first.dtype, data, shape, first.classes)
}

/**
 * Cuts a batched tensor back into the tensors that went into it, in order.
 *
 * @param batched    shape [sum of rowCounts, ...rest], row-major
 * @param rowCounts  rows each caller contributed, e.g. [2, 1, 4]
 * @returns shape [rowCounts[i], ...rest] each, sharing `batched`'s memory (no copy, but for strings)
 * @throws RangeError when rowCounts does not add up to the batch axis
 */
export function splitRows(batched: Tensor, rowCounts: readonly number[]): Tensor[] {
  const total = rowCounts.reduce((sum, count) => sum + count, 0)
  if (total !== batched.rowCount || batched.shape.length === 0) {
    throw new RangeError(`cannot cut shape [${batched.shape.join(', ')}] into ${total} rows`)
  }
  const rest = batched.shape.slice(1)
  const rowLength = elementCount(rest)
  let start = 0
  return rowCounts.map(count => {
    const end = start + count * rowLength
    const rows: TensorData = Array.isArray(batched.data)
      ? batched.data.slice(start, end)
      : batched.data.subarray(start, end)
    start = end
    return new Tensor(batched.dtype, rows, [count, ...rest], rest.length > 0 ? batched.classes : undefined)
  })
}
