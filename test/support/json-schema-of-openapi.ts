import { Ajv2020 } from 'ajv/dist/2020.js'
import AjvDraft04 from 'ajv-draft-04'
import addFormats from 'ajv-formats'

export type Json = { readonly [name: string]: Json } | readonly Json[] | string | number | boolean | null

/** A schema of a document, by its JSON Pointer, e.g. `/definitions/ServiceInput`. */
export type Check = (pointer: string, value: unknown) => string | undefined

/**
 * Checks values against the schemas of an OpenAPI document with a JSON Schema validator: draft 4, from which Swagger 2.0
 * and OpenAPI 3.0 take their schemas, or 2020-12, which 3.1 has whole.
 *
 * @returns a check that says what is wrong, or undefined
 */
export function schemasIn(document: Json): Check {
  const isNewest = (document as { openapi?: string }).openapi?.startsWith('3.1')
  const options = { strict: false, logger: false, allErrors: true } as const
  const ajv = isNewest ? new Ajv2020(options) : new AjvDraft04.default(options)
  addFormats.default(ajv)
  ajv.addSchema((isNewest ? document : withNull(document)) as object, 'document')
  return (pointer, value) => {
    const validate = ajv.compile({ $ref: `document#${pointer}` })
    return validate(value) ? undefined : ajv.errorsText(validate.errors)
  }
}

/** What draft 4 writes for `nullable` and `x-nullable`. */
function withNull(value: Json): Json {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(withNull)
  const entries = Object.entries(value).map(([name, member]) => [name, withNull(member as Json)] as const)
  const { nullable, 'x-nullable': extension, ...schema } = Object.fromEntries(entries)
  if (nullable !== true && extension !== true) return Object.fromEntries(entries)
  return { anyOf: [schema, { type: 'null' }] }
}

/** Every example in the schemas of a document, with the pointer of its schema. */
export function* examplesIn(schema: Json, pointer: string): Generator<readonly [pointer: string, example: Json]> {
  if (typeof schema !== 'object' || schema === null || Array.isArray(schema)) return
  const given = schema as { readonly [name: string]: Json }
  if (given.example !== undefined) yield [pointer, given.example]
  for (const example of (given.examples ?? []) as readonly Json[]) yield [pointer, example]
  for (const keyword of ['items', 'additionalProperties', 'not']) {
    if (given[keyword]) yield* examplesIn(given[keyword], `${pointer}/${keyword}`)
  }
  for (const keyword of ['properties', 'allOf', 'anyOf', 'oneOf']) {
    for (const [name, member] of Object.entries(given[keyword] ?? {})) {
      yield* examplesIn(member as Json, `${pointer}/${keyword}/${escaped(name)}`)
    }
  }
}

function escaped(name: string): string {
  return encodeURIComponent(name.replaceAll('~', '~0').replaceAll('/', '~1'))
}
