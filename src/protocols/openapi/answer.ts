/**
 * What the answer to a sample tells of other answers, as JSON Schema. One answer is little to go by, so the schema says
 * less rather than something that another answer would break: a whole number may be a fraction next time, and entries of
 * different kinds leave it open what an entry is.
 */

import { isResponse } from '../../scripts/is-response.ts'
import { type Dtype, type TensorData, typedArrays } from '../../tensor/dtype.ts'
import { Tensor } from '../../tensor/tensor.ts'
import { TensorList } from '../../tensor/tensor-list.ts'
import type { JsonSchema } from './dialect.ts'
import { elementSchema, namedSchema, nestedSchema } from './tensor.ts'

/** An object with more members than this is a table by keys, not a record. */
const maxMembers = 100

/**
 * @param answer  what `run` returned, and `encode` can write
 * @returns undefined for a response, whose body may be anything
 */
export function schemaOfAnswer(answer: unknown): JsonSchema | undefined {
  if (isResponse(answer)) return undefined
  if (answer === undefined || answer === null) return { type: 'object' } // sent as {}
  return schemaOf(answer)
}

function schemaOf(value: unknown): JsonSchema {
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
      return value === null ? {} : schemaOfObject(value)
    default:
      return {}
  }
}

function schemaOfObject(value: object): JsonSchema {
  if (value instanceof Tensor) return schemaOfTensor(value)
  if (value instanceof TensorList) return listOf(value.tensors.map(schemaOfTensor))
  if (Array.isArray(value)) return listOf(value.map(entry => schemaOf(entry)))
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) {
    return { type: 'array', items: entriesOf(dtypeOf(value), value as Uint8Array) }
  }
  if (value instanceof Date) return { type: 'string', format: 'date-time' }
  if ('toJSON' in value && typeof value.toJSON === 'function') return schemaOf(value.toJSON())
  const members = Object.entries(value).filter(([, member]) => member !== undefined)
  const schemas = members.map(([name, member]) => [name, schemaOf(member)] as const)
  if (members.length > maxMembers) {
    return { type: 'object', additionalProperties: schemas.map(([, schema]) => schema).reduce(common) }
  }
  return record(
    members.map(([name]) => name),
    schemas,
  )
}

function schemaOfTensor({ dtype, shape, data, classes }: Tensor): JsonSchema {
  const element = entriesOf(dtype, data)
  return classes ? namedSchema(element, shape.length, classes) : nestedSchema(element, shape.length)
}

/** Where one of them is sent as null, nothing is said of any. */
function entriesOf(dtype: Dtype, values: TensorData): JsonSchema {
  const element = elementSchema(dtype)
  const isAllSent = element.type !== 'number' || (values as Float64Array).every(Number.isFinite)
  return isAllSent ? element : {}
}

function dtypeOf(values: ArrayBufferView): Dtype {
  for (const [dtype, type] of Object.entries(typedArrays)) if (type && values instanceof type) return dtype as Dtype
  return 'uint8' // the clamped kind
}

/** An empty list says nothing of its entries. */
function listOf(entries: readonly JsonSchema[]): JsonSchema {
  return entries.length === 0 ? { type: 'array' } : { type: 'array', items: entries.reduce(common) }
}

function record(required: readonly string[], properties: Iterable<readonly [string, JsonSchema]>): JsonSchema {
  // An empty list of required members is not allowed in OpenAPI 2 and 3.0.
  const needed = required.length > 0 ? { required } : {}
  return { type: 'object', ...needed, properties: Object.fromEntries(properties) }
}

/** A schema that takes what either of the two takes. */
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
    return record(inBoth, properties)
  }
  return JSON.stringify(one) === JSON.stringify(other) ? one : {}
}
