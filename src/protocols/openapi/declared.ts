import type { JsonSchema } from './dialect.ts'

/** The part of Standard JSON Schema (standardschema.dev/json-schema) that is read here; zod supports it from 4.2. */
interface StandardJsonSchema {
  readonly jsonSchema?: {
    input?(options: { target: 'draft-2020-12'; libraryOptions?: Readonly<Record<string, unknown>> }): unknown
  }
}

/** The argument of zod's `override` callback. */
interface ZodOverride {
  readonly zodSchema: { readonly _zod: { readonly def: { readonly type: string } } }
  readonly jsonSchema: Record<string, unknown>
}

/**
 * Reads the JSON Schema of an entry script's `input` or `output`, as plain data that can be sent to another thread. Both are
 * described before any conversion: an input as it is sent, an output as `run` returns it.
 *
 * @param side  dates in an output are written as text; an input has none, as JSON has no dates
 * @returns undefined when the library has no JSON Schema, or none for this schema
 */
export function readJsonSchema(declared: unknown, side: 'input' | 'output'): JsonSchema | undefined {
  try {
    const standard = (declared as { '~standard'?: StandardJsonSchema } | undefined)?.['~standard']
    const schema = standard?.jsonSchema?.input?.({
      target: 'draft-2020-12',
      libraryOptions: {
        // Without this option zod fails on a schema with a date; other libraries ignore it.
        unrepresentable: 'any',
        override: (each: ZodOverride) => {
          addNumberFormat(each.jsonSchema)
          dropRedundantPattern(each.jsonSchema)
          if (side === 'output') Object.assign(each.jsonSchema, wireSchemas[each.zodSchema._zod.def.type])
        },
      },
    })
    const plain: unknown = schema && JSON.parse(JSON.stringify(schema))
    return typeof plain === 'object' && plain !== null && !Array.isArray(plain) ? (plain as JsonSchema) : undefined
  } catch {
    return undefined // the library cannot describe this schema; the script works without
  }
}

/** Schemas of values as the server writes them, for types that JSON lacks. */
const wireSchemas: Readonly<Record<string, JsonSchema>> = {
  date: { type: 'string', format: 'date-time' },
  bigint: { type: 'integer', format: 'int64' },
}

/**
 * Adds Azure ML's formats for Python's numbers, as generated clients use 32 bits without `int64`. Removes the bounds that zod
 * adds to every integer, which are only those of JavaScript's safe integers.
 */
function addNumberFormat(schema: Record<string, unknown>): void {
  if (schema.type === 'number') schema.format ??= 'double'
  if (schema.type !== 'integer') return
  schema.format ??= 'int64'
  if (schema.minimum === Number.MIN_SAFE_INTEGER) delete schema.minimum
  if (schema.maximum === Number.MAX_SAFE_INTEGER) delete schema.maximum
}

/** Removes the patterns of up to 400 characters that zod adds to times and base64, because the format says the same. */
function dropRedundantPattern(schema: Record<string, unknown>): void {
  if (['date-time', 'date', 'time', 'base64'].includes(schema.format as string)) delete schema.pattern
}
