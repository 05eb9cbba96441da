import type { JsonSchema } from './dialect.ts'

/** The part of Standard JSON Schema (standardschema.dev/json-schema) that is read here; zod has it from 4.2. */
interface StandardJsonSchema {
  readonly jsonSchema?: {
    input?(options: { target: 'draft-2020-12'; libraryOptions?: Readonly<Record<string, unknown>> }): unknown
  }
}

/** What zod tells of each schema while it writes it. */
interface ZodOverride {
  readonly zodSchema: { readonly _zod: { readonly def: { readonly type: string } } }
  readonly jsonSchema: Record<string, unknown>
}

/**
 * What the `input` or `output` of an entry script says of itself as JSON Schema: plain data, which may cross to another
 * thread. Both are read as what comes before any conversion: an input as it is sent, an output as `run` returns it.
 *
 * @param side  a date in an output is written as text, where an input never holds one: JSON has none
 * @returns undefined when its library gives none, or not for this schema
 */
export function readJsonSchema(declared: unknown, side: 'input' | 'output'): JsonSchema | undefined {
  try {
    const standard = (declared as { '~standard'?: StandardJsonSchema } | undefined)?.['~standard']
    const schema = standard?.jsonSchema?.input?.({
      target: 'draft-2020-12',
      libraryOptions: {
        // zod would give up on the whole schema for one date in it; other libraries do not know the options.
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
    return undefined // the library has no JSON Schema for this; the script works all the same
  }
}

/** How the server writes what JSON has no word for. */
const wireSchemas: Readonly<Record<string, JsonSchema>> = {
  date: { type: 'string', format: 'date-time' },
  bigint: { type: 'integer', format: 'int64' },
}

/**
 * Azure ML's formats of Python's numbers. Without `int64`, generated clients take 32 bits; the bounds that zod gives every
 * integer, of what JavaScript counts exactly, say no more than that.
 */
function addNumberFormat(schema: Record<string, unknown>): void {
  if (schema.type === 'number') schema.format ??= 'double'
  if (schema.type !== 'integer') return
  schema.format ??= 'int64'
  if (schema.minimum === Number.MIN_SAFE_INTEGER) delete schema.minimum
  if (schema.maximum === Number.MAX_SAFE_INTEGER) delete schema.maximum
}

/** Of times and base64 zod writes a pattern besides, of up to 400 characters, which says what the format says. */
function dropRedundantPattern(schema: Record<string, unknown>): void {
  if (['date-time', 'date', 'time', 'base64'].includes(schema.format as string)) delete schema.pattern
}
