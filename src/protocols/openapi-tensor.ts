import type { TensorInfo } from '../engine/model-session.ts'
import type { Dtype } from '../tensor/dtype.ts'
import { elementCount } from '../tensor/shape.ts'
import type { JsonSchema } from './openapi-dialect.ts'

/** Larger examples help nobody and make a document of megabytes. */
const maxExampleElements = 4096

/** Azure ML's types of NumPy's scalars (InferenceSchema, `_swagger_from_dtype.py`). */
const scalarOf: Record<Dtype, JsonSchema> = {
  float16: { type: 'number', format: 'float' },
  float32: { type: 'number', format: 'float' },
  float64: { type: 'number', format: 'double' },
  int8: { type: 'integer', format: 'int8' },
  uint8: { type: 'integer', format: 'uint8' },
  int16: { type: 'integer', format: 'int16' },
  uint16: { type: 'integer', format: 'uint16' },
  int32: { type: 'integer', format: 'int32' },
  uint32: { type: 'integer', format: 'uint32' },
  int64: { type: 'integer', format: 'int64' },
  uint64: { type: 'integer', format: 'uint64' },
  bool: { type: 'boolean' },
  string: { type: 'string' },
}

/**
 * A tensor as Azure ML describes an `ndarray`: lists nested as deep as its rank. Sizes are not part of the schema there;
 * here the description names them.
 *
 * @param example  nested lists, or undefined for none
 */
export function tensorSchema({ dtype, shape }: TensorInfo, example: unknown): JsonSchema {
  const nested = shape.reduce<JsonSchema>(items => ({ type: 'array', items }), scalarOf[dtype])
  const given = example === undefined ? {} : { example }
  const description = `${dtype}, shape [${shape.join(', ')}]`
  return shape.length === 0
    ? { ...nested, description, ...given }
    : { ...nested, description, format: 'numpy.ndarray', ...given }
}

/**
 * Zeros in the right shape, or undefined when there would be too many.
 *
 * @param sizes  of named dimensions; others are 1
 */
export function zeros({ dtype, shape }: TensorInfo, sizes: ReadonlyMap<string, number>): unknown {
  const actual = shape.map(size => (typeof size === 'string' ? (sizes.get(size) ?? 1) : size < 0 ? 1 : size))
  if (elementCount(actual) > maxExampleElements) return undefined
  const zero = dtype === 'string' ? '' : dtype === 'bool' ? false : 0
  return actual.reduceRight<unknown>((inner, size) => new Array(size).fill(inner), zero)
}

/** The sizes that an example gives to the named dimensions of its tensor. */
export function sizesIn({ shape }: TensorInfo, example: unknown): [string, number][] {
  const sizes: [string, number][] = []
  let inner = example
  for (const size of shape) {
    if (!Array.isArray(inner)) break
    if (typeof size === 'string') sizes.push([size, inner.length])
    inner = inner[0]
  }
  return sizes
}
