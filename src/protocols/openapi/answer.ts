/**
 * Infers a JSON Schema for answers from the answer to the sample. A single answer is little evidence, so the schema is loose
 * enough for other answers: a whole number may be a fraction next time, and entries of different kinds are left open.
 */

import { isResponse } from '../../scripts/script-response.ts'
import { type Dtype, type TensorData, typedArrays } from '../../tensor/dtype.ts'
import { isTypedArray } from '../../tensor/float16-array.ts'
import { Tensor } from '../../tensor/tensor.ts'
import { TensorList } from '../../tensor/tensor-list.ts'
import type { JsonSchema } from './dialect.ts'
import { elementSchema, namedSchema, nestedSchema, recordSchema } from './tensor.ts'

/** An object with more members is described as a map, not as a record. */
const maxMembers = 100

/**
 * Infers the schema of an answer.
 *
 * @param answer  a value that `run` returned and `encode` can write
 * @returns undefined for a response, whose body may be anything
 */
export function inferAnswerSchema(answer: unknown): JsonSchema | undefined {
  if (isResponse(answer)) return undefined
  if (answer === undefined || answer === null) return { type: 'object' } // sent as {}
  return inferSchema(answer)
}

function inferSchema(value: unknown): JsonSchema {
  switch (typeof value) {
    case 'number':
      return Number.isFinite(value) ? elementSchema('float64') : {} // sent as null
    case 'bigint':
      return elementSchema('int64')
    case 'boolean':
      return elementSchema('bool')
    case 'string':
      return elementSchema('string')
    case 'object':
      return value === null ? {} : inferObjectSchema(value)
    default:
      return {}
  }
}

function inferObjectSchema(value: object): JsonSchema {
  if (value instanceof Tensor) return inferTensorSchema(value)
  if (value instanceof TensorList) return inferListSchema(value.tensors.map(inferTensorSchema))
  if (Array.isArray(value)) return inferListSchema(value.map(entry => inferSchema(entry)))
  if (isTypedArray(value)) {
    return { type: 'array', items: inferEntrySchema(findDtype(value), value as Uint8Array) }
  }
  if (value instanceof Date) return { type: 'string', format: 'date-time' }
  if ('toJSON' in value && typeof value.toJSON === 'function') return inferSchema(value.toJSON())
  const members = Object.entries(value).filter(([, member]) => member !== undefined)
  const schemas = members.map(([name, member]) => [name, inferSchema(member)] as const)
  if (members.length > maxMembers) {
    return { type: 'object', additionalProperties: schemas.map(([, schema]) => schema).reduce(common) }
  }
  return recordSchema(schemas)
}

function inferTensorSchema({ dtype, shape, data, classes }: Tensor): JsonSchema {
  const element = inferEntrySchema(dtype, data)
  return classes ? namedSchema(element, shape.length, classes) : nestedSchema(element, shape.length)
}

/** Infers the schema of tensor entries; it is empty if one of them is sent as null. */
function inferEntrySchema(dtype: Dtype, values: TensorData): JsonSchema {
  const element = elementSchema(dtype)
  const isAllSent = element.type !== 'number' || (values as Float64Array).every(Number.isFinite)
  return isAllSent ? element : {}
}

function findDtype(values: NodeJS.TypedArray): Dtype {
  for (const [dtype, type] of Object.entries(typedArrays)) if (values instanceof type) return dtype as Dtype
  return 'uint8' // the clamped kind
}

/** Infers the schema of a list; an empty list leaves its entries open. */
function inferListSchema(entries: readonly JsonSchema[]): JsonSchema {
  return entries.length === 0 ? { type: 'array' } : { type: 'array', items: entries.reduce(common) }
}

/** Returns a schema that accepts whatever one of the two accepts. */
function common(one: JsonSchema, other: JsonSchema): JsonSchema {
  if (one === other) return one
  if (one.type === 'array' && other.type === 'array' && one.format === other.format) {
    const format = one.format === undefined ? {} : { format: one.format }
    const [mine, theirs] = [one.items, other.items] as (JsonSchema | undefined)[]
    const items = mine && theirs ? common(mine, theirs) : (mine ?? theirs)
    return { type: 'array', ...(items && { items }), ...format }
  }
  const [mine, theirs] = [one.properties, other.properties] as (Record<string, JsonSchema> | undefined)[]
  if (mine && theirs) {
    const properties = new Map(Object.entries(mine))
    for (const [name, schema] of Object.entries(theirs)) {
      const known = properties.get(name)
      properties.set(name, known ? common(known, schema) : schema)
    }
    const inOther = new Set(other.required as string[] | undefined)
    const inBoth = ((one.required ?? []) as string[]).filter(name => inOther.has(name))
    return recordSchema([...properties], inBoth)
  }
  return JSON.stringify(one) === JSON.stringify(other) ? one : {}
}
