/**
 * Translates JSON Schema (draft 2020-12) for OpenAPI documents. Version 3.1 uses it unchanged; 3.0.3 and Swagger 2.0 support
 * part of an older draft. Unsupported keywords are dropped if that only loosens the schema, so a value that the service
 * accepts is never invalid.
 */
import type { OpenApiVersion } from './version.ts'

export type JsonSchema = Readonly<Record<string, unknown>>

/** A translated schema, and the definitions that it refers to in the document. */
interface Translation {
  readonly schema: JsonSchema
  readonly definitions: Readonly<Record<string, JsonSchema>>
}

/** Keywords of a Schema Object (OpenAPI 3.0.3, "Schema Object"; Swagger 2.0, the same) that mean the same as in JSON Schema. */
const sharedKeywords = new Set([
  ...['type', 'format', 'title', 'description', 'default', 'enum', 'multipleOf', 'pattern', 'required', 'readOnly'],
  ...['minimum', 'maximum', 'minLength', 'maxLength', 'minItems', 'maxItems', 'uniqueItems'],
  ...['minProperties', 'maxProperties', 'example', 'allOf', 'items', 'properties', 'additionalProperties'],
])
const keywordsSince3 = new Set([...sharedKeywords, 'anyOf', 'oneOf', 'not', 'deprecated', 'writeOnly'])
/** Keywords that name other documents, or hold definitions that are moved beside the schema. */
const leftOutOf31 = new Set(['$schema', '$id', '$defs', 'definitions', 'example'])

/**
 * @param schema  JSON Schema, draft 2020-12, with its definitions under `$defs`
 * @param name    name of the schema in the document, e.g. `ServiceInput`
 * @returns undefined when the version cannot express it
 */
export function translate(schema: JsonSchema, name: string, version: OpenApiVersion): Translation | undefined {
  const translator = new Translator(name, version)
  const definitions: Record<string, JsonSchema> = {}
  for (const defs of [schema.$defs, schema.definitions]) {
    for (const [key, definition] of Object.entries((defs as JsonSchema | undefined) ?? {})) {
      definitions[translator.definitionName(key)] = translator.visit(definition)
    }
  }
  const translated = translator.visit(schema)
  return translator.isExpressible ? { schema: translated, definitions } : undefined
}

class Translator {
  readonly #name: string
  readonly #version: OpenApiVersion
  isExpressible = true

  constructor(name: string, version: OpenApiVersion) {
    this.#name = name
    this.#version = version
  }

  /** Returns the name of a definition in the document, in the characters that OpenAPI allows. */
  definitionName(key: string): string {
    return `${this.#name}.${key.replace(/[^\w.-]/g, '_')}`
  }

  visit(schema: unknown): JsonSchema {
    if (typeof schema !== 'object' || schema === null) {
      return schema === false && this.#version !== '2' ? { not: {} } : {}
    }
    const given = schema as JsonSchema
    const $ref = typeof given.$ref === 'string' ? this.#refer(given.$ref) : undefined
    if (this.#version === '3.1') {
      // OpenAPI 3.1 still has `example`, but deprecates it.
      const more = Array.isArray(given.examples) ? given.examples : []
      const examples = 'example' in given && { examples: [given.example, ...more] }
      return { ...this.#inner(given, key => !leftOutOf31.has(key)), ...examples, ...($ref && { $ref }) }
    }
    if ($ref) return { $ref } // no keyword may stand beside a reference
    return this.#older(given)
  }

  #refer(target: string): string {
    const folder = this.#version === '2' ? '#/definitions' : '#/components/schemas'
    const [, key, rest = ''] = /^#\/(?:\$defs|definitions)\/([^/]+)(.*)$/.exec(target) ?? []
    if (key === undefined) return target.replace(/^#/, `${folder}/${this.#name}`)
    return `${folder}/${this.definitionName(key.replaceAll('~1', '/').replaceAll('~0', '~'))}${rest}`
  }

  /** Returns the keywords that are kept, with every schema inside them translated. */
  #inner(schema: JsonSchema, isKept: (keyword: string) => boolean): Record<string, unknown> {
    const kept: Record<string, unknown> = {}
    for (const [keyword, value] of Object.entries(schema))
      if (isKept(keyword)) kept[keyword] = this.#member(keyword, value)
    return kept
  }

  #member(keyword: string, value: unknown): unknown {
    switch (keyword) {
      case 'allOf':
      case 'anyOf':
      case 'oneOf':
      case 'prefixItems':
        return (value as unknown[]).map(each => this.#inside(each))
      case 'properties':
      case 'patternProperties':
      case 'dependentSchemas':
        return Object.fromEntries(Object.entries(value as object).map(([name, each]) => [name, this.#inside(each)]))
      case 'additionalProperties':
        return typeof value === 'boolean' ? value : this.visit(value) // every version knows these two
      case 'unevaluatedProperties':
      case 'unevaluatedItems':
      case 'items':
      case 'not':
      case 'contains':
      case 'propertyNames':
      case 'if':
      case 'then':
      case 'else':
        return this.#inside(value)
      default:
        return value
    }
  }

  /** Only 3.1 has schemas that are `true` or `false`. */
  #inside(schema: unknown): unknown {
    return this.#version === '3.1' && typeof schema === 'boolean' ? schema : this.visit(schema)
  }

  #older(schema: JsonSchema): JsonSchema {
    const { anyOf, oneOf, ...plain } = schema
    const keyword = anyOf ? 'anyOf' : 'oneOf'
    const choices = (schema[keyword] ?? []) as unknown[]
    const others = choices.filter(choice => !isNull(choice)).map(choice => this.visit(choice))
    const isNullable =
      [schema.type].flat().includes('null') ||
      schema.const === null ||
      listsNull(schema.enum) ||
      others.length < choices.length
    const chosen = this.#choose(keyword, others, this.#withoutChoice(plain))
    return isNullable ? this.#nullable(chosen) : chosen
  }

  /** Merges a single alternative into the schema if that loses nothing. */
  #choose(keyword: string, choices: readonly JsonSchema[], schema: JsonSchema): JsonSchema {
    const [only] = choices
    if (!only) return schema
    if (choices.length > 1) return this.#choice(keyword, choices, schema)
    if (Object.keys(schema).length === 0) return only
    return '$ref' in only || Object.keys(only).some(key => key in schema)
      ? { ...schema, allOf: [only] }
      : { ...only, ...schema }
  }

  #choice(keyword: string, choices: readonly JsonSchema[], schema: JsonSchema): JsonSchema {
    if (this.#version === '2') this.isExpressible = false
    return { ...schema, [keyword]: choices }
  }

  #withoutChoice(schema: JsonSchema): JsonSchema {
    const keywords = this.#version === '2' ? sharedKeywords : keywordsSince3
    const older: Record<string, unknown> = this.#inner(schema, keyword => keywords.has(keyword))
    if (Array.isArray(older.required) && older.required.length === 0) delete older.required // not allowed to be empty
    if (older.format === 'base64') older.format = 'byte' // its name before OpenAPI 3.1, and in Azure ML
    if ('const' in schema) older.enum = [schema.const]
    if (Array.isArray(schema.examples) && schema.examples.length > 0) older.example ??= schema.examples[0]
    for (const [limit, exclusive] of [
      ['minimum', 'exclusiveMinimum'],
      ['maximum', 'exclusiveMaximum'],
    ] as const) {
      if (typeof schema[exclusive] === 'number') Object.assign(older, { [limit]: schema[exclusive], [exclusive]: true })
    }
    if (Array.isArray(schema.prefixItems))
      older.items = this.#tupleItems(schema.prefixItems.map(each => this.visit(each)))
    return this.#withOneType(older)
  }

  /** Describes the entries of a tuple as any of these kinds, because older versions have no tuples. */
  #tupleItems(entries: readonly JsonSchema[]): JsonSchema {
    const kinds = [...new Map(entries.map(entry => [JSON.stringify(entry), entry])).values()]
    const [only = {}] = kinds
    return kinds.length > 1 ? this.#choice('anyOf', kinds, {}) : only
  }

  #withOneType(schema: Record<string, unknown>): JsonSchema {
    const types = [schema.type].flat().filter(type => type !== 'null' && type !== undefined)
    const { type, ...rest } = schema
    if (types.length > 1)
      return this.#choice(
        'anyOf',
        types.map(each => this.#withOneType({ type: each })),
        rest,
      )
    // Neither version has a type for null alone.
    if (type === 'null') return { ...rest, type: 'string', enum: [] }
    if (types.length === 0) return rest
    return types[0] === 'array' ? { items: {}, ...rest, type: 'array' } : { ...rest, type: types[0] }
  }

  /** Uses `nullable` in OpenAPI 3.0.3, and the extension that generators support in Swagger 2.0. */
  #nullable(schema: JsonSchema): JsonSchema {
    const { enum: values, ...rest } = schema
    const base = '$ref' in schema ? { allOf: [schema] } : rest
    // A null that is possible must also stand in the list of values.
    const withNull = Array.isArray(values) ? { enum: listsNull(values) ? values : [...values, null] } : {}
    return { ...base, ...withNull, [this.#version === '2' ? 'x-nullable' : 'nullable']: true }
  }
}

function listsNull(values: unknown): boolean {
  return Array.isArray(values) && values.includes(null)
}

function isNull(schema: unknown): boolean {
  return (schema as JsonSchema | null)?.type === 'null'
}
