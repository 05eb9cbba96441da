/** Parts that the schemas of routes are written with. */
import type { JsonSchema } from './dialect.ts'

export const text = { type: 'string' } as const
export const count = { type: 'integer', minimum: 0 } as const
export const objectSchema = (properties: object, required: readonly string[], description?: string): JsonSchema => ({
  type: 'object',
  description,
  properties,
  required,
})
export const listSchema = (items: JsonSchema, more: object = {}): JsonSchema => ({ type: 'array', items, ...more })
/** Names a schema of the document. */
export const ref = (name: string): JsonSchema => ({ $ref: `#/components/schemas/${name}` })
/** The content of a body or an answer that is JSON. */
export const jsonContent = (schema: JsonSchema) => ({ 'application/json': { schema } })
