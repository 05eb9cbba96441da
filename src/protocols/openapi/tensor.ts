import { maxExampleElements } from '../../models/session/load-report.ts'
import type { TensorInfo } from '../../models/session/model-session.ts'
import type { Dtype } from '../../tensor/dtype.ts'
import { elementCount } from '../../tensor/shape.ts'
import type { JsonSchema } from './dialect.ts'

/** Azure ML's types of NumPy's scalars (InferenceSchema, `_swagger_from_dtype.py`). */
const scalarSchemas: Record<Dtype, JsonSchema> = {
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
 * An element of a tensor, as JSON Schema. NaN and infinities are answered as null, and it does not say so, as Azure ML's
 * does not: Python clients by OpenAPI Generator 7.10 to 7.20 fail on any answer whose entries may be null.
 */
export function elementSchema(dtype: Dtype): JsonSchema {
  return scalarSchemas[dtype]
}

/** Lists as deep as the rank, in Azure ML's format (contract, section 6). */
export function nestedSchema(element: JsonSchema, rank: number): JsonSchema {
  let nested = element
  for (let axis = 0; axis < rank; axis++) nested = { type: 'array', items: nested }
  return rank === 0 ? nested : { ...nested, format: 'numpy.ndarray' }
}

/** The same where the entries of the last axis have names: lists of objects. Only the closest axis to them is the rows. */
export function namedSchema(element: JsonSchema, rank: number, classes: readonly string[]): JsonSchema {
  const properties = Object.fromEntries(classes.map(name => [name, element]))
  let nested: JsonSchema = { type: 'object', required: [...new Set(classes)], properties }
  for (let axis = 1; axis < rank; axis++) nested = { type: 'array', items: nested }
  return nested
}

/**
 * A tensor as Azure ML describes an `ndarray`: lists nested as deep as its rank. Sizes are not part of the schema there;
 * here the description names them.
 *
 * @param mayBeNull  NaN and infinities come as null, which the description says of floating-point types
 */
export function tensorSchema({ dtype, shape, classes }: TensorInfo, mayBeNull: boolean): JsonSchema {
  if (!shape) return { description: `${dtype}, of any shape` }
  const element = elementSchema(dtype)
  const nulls = mayBeNull && element.type === 'number' ? '; null: NaN or an infinity' : ''
  return classes
    ? { ...namedSchema(element, shape.length, classes), description: `${dtype}, by class${nulls}` }
    : { ...nestedSchema(element, shape.length), description: `${dtype}, shape [${shape.join(', ')}]${nulls}` }
}

/**
 * Zeros in the right shape, or undefined when there would be too many.
 *
 * @param sizes  of named dimensions; others are 1
 */
export function zeros({ dtype, shape, classes }: TensorInfo, sizes: ReadonlyMap<string, number>): unknown {
  const actual = (shape ?? []).map(size => (typeof size === 'string' ? (sizes.get(size) ?? 1) : size < 0 ? 1 : size))
  if (elementCount(actual) > maxExampleElements) return undefined
  const zero = dtype === 'string' ? '' : dtype === 'bool' ? false : 0
  const row = classes ? Object.fromEntries(classes.map(name => [name, zero])) : zero
  const outer = classes ? actual.slice(0, -1) : actual
  return outer.reduceRight<unknown>((inner, size) => new Array(size).fill(inner), row)
}

/** The sizes that an example gives to the named dimensions of its tensor. */
export function sizesIn({ shape }: TensorInfo, example: unknown): [string, number][] {
  const sizes: [string, number][] = []
  let inner = example
  for (const size of shape ?? []) {
    if (!Array.isArray(inner)) break
    if (typeof size === 'string') sizes.push([size, inner.length])
    inner = inner[0]
  }
  return sizes
}
