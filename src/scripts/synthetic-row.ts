import type { Feeds, TensorInfo } from '../models/session/model-session.ts'
import { allocate, type Dtype } from '../tensor/dtype.ts'
import { elementCount } from '../tensor/shape.ts'
import { Tensor } from '../tensor/tensor.ts'

/** A row of made-up values, where only the declared types are known. */
export function syntheticRow(inputs: readonly TensorInfo[]): Feeds {
  return Object.fromEntries(
    inputs.map(({ name, dtype, shape }) => {
      const sizes = (shape ?? []).map(size => (typeof size === 'number' && size > 0 ? size : 1))
      return [name, new Tensor(dtype, syntheticValues(dtype, elementCount(sizes)), sizes)]
    }),
  )
}

/** Fractions for floats, 0 and 1 in turn for integers (safe as indices), empty strings. */
function syntheticValues(dtype: Dtype, length: number): Tensor['data'] {
  const values = allocate(dtype, length)
  if (dtype === 'string') return (values as string[]).fill('')
  const isBig = dtype === 'int64' || dtype === 'uint64'
  const isFloat = dtype.startsWith('float')
  for (let index = 0; index < length; index++) {
    const value = isFloat ? ((index * 37) % 101) / 101 : index % 2
    ;(values as unknown[])[index] = isBig ? BigInt(value) : value
  }
  return values
}
