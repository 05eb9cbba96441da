import type { JsonSchema } from './openapi-dialect.ts'

/** The part of Standard JSON Schema (standardschema.dev/json-schema) that is read here; zod has it from 4.2. */
interface StandardJsonSchema {
  readonly jsonSchema?: {
    input?(options: { target: 'draft-2020-12'; libraryOptions?: Readonly<Record<string, unknown>> }): unknown
  }
}

/**
 * What the `input` of an entry script says of itself as JSON Schema: plain data, which may cross to another thread.
 *
 * @returns undefined when its library gives none, or not for this schema
 */
export function jsonSchemaOf(input: unknown): JsonSchema | undefined {
  try {
    const standard = (input as { '~standard'?: StandardJsonSchema } | undefined)?.['~standard']
    const schema = standard?.jsonSchema?.input?.({
      target: 'draft-2020-12',
      // zod would give up on the whole schema for one date in it; other libraries do not know the option.
      libraryOptions: { unrepresentable: 'any' },
    })
    const plain: unknown = schema && JSON.parse(JSON.stringify(schema))
    return typeof plain === 'object' && plain !== null && !Array.isArray(plain) ? (plain as JsonSchema) : undefined
  } catch {
    return undefined // the library has no JSON Schema for this; the script works all the same
  }
}
