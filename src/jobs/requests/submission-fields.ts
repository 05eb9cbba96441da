/** A submission as text fields: parameters of a query, or fields of a form. */
import * as z from 'zod'
import { invalidJob } from './job-invalid.ts'
import { FileSubmission } from './submission.ts'

type Kind = 'object' | 'array' | 'number' | 'boolean' | 'text'

/**
 * Puts fields together to a submission, which is not validated yet. A field is named by its path, such as `output.format`; `input.`
 * may be left out, and so may `output.` where `input` has no such member. `output` alone is `output.blob`. Lists are separated by
 * commas.
 *
 * @throws ScoringError JOB_INVALID when a field is unknown or repeated, or is no number or boolean where one is needed
 */
export function readFields(fields: Iterable<readonly [string, string]>): Record<string, unknown> {
  const submission: Record<string, unknown> = {}
  const given = new Set<string>()
  for (const [name, text] of fields) {
    const path = findPath(name)
    const schema = schemaAt(path)
    if (!schema) throw invalidJob(`unrecognized ${JSON.stringify(name.slice(0, 60))}`)
    if (given.size === given.add(path.join('.')).size) throw invalidJob(`${name}: is given twice`)
    place(submission, path, parseField(name, text, schema))
  }
  return submission
}

/** Whether a field of this name would be a member of a submission. */
export function isField(name: string): boolean {
  return schemaAt(findPath(name)) !== undefined
}

/** Members of `given` over those of `others`, also within `input` and `output`. */
export function mergeSubmissions(
  others: Readonly<Record<string, unknown>>,
  given: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const merged = { ...others, ...given }
  for (const name of ['input', 'output']) {
    const [one, other] = [others[name], given[name]]
    if (isObject(one) && isObject(other)) merged[name] = { ...one, ...other }
  }
  return merged
}

function findPath(name: string): readonly string[] {
  if (name.includes('.')) return name.split('.')
  if (name === 'output') return ['output', 'blob']
  const paths = [[name], ['input', name], ['output', name]]
  return paths.find(path => schemaAt(path) !== undefined) ?? [name]
}

function place(object: Record<string, unknown>, [name = '', ...rest]: readonly string[], value: unknown): void {
  if (rest.length === 0) {
    object[name] = value
    return
  }
  const inner = isObject(object[name]) ? object[name] : {}
  object[name] = inner
  place(inner, rest, value)
}

function parseField(name: string, text: string, schema: z.core.$ZodType): unknown {
  if (isLiteral(schema, text)) return text
  const kinds = listKinds(schema)
  const accepts = (kind: Kind) => kinds.includes(kind)
  if (accepts('boolean') && (text === 'true' || text === 'false')) return text === 'true'
  if (accepts('number') && /^-?\d{1,15}$/.test(text)) return Number(text)
  if (accepts('text')) return text
  if (accepts('array')) return text.split(',')
  if (accepts('boolean')) throw invalidJob(`${name}: must be true or false, came ${JSON.stringify(text.slice(0, 60))}`)
  if (accepts('number')) throw invalidJob(`${name}: must be a whole number, came ${JSON.stringify(text.slice(0, 60))}`)
  return text // the schema says what is wrong
}

/** @returns undefined when a submission has no such member */
function schemaAt(path: readonly string[]): z.core.$ZodType | undefined {
  let schema: z.core.$ZodType | undefined = FileSubmission
  for (const name of path) {
    const shape = plainSchema(schema)
    schema =
      shape instanceof z.ZodObject && Object.hasOwn(shape.shape, name) ? (shape.shape[name] as z.ZodType) : undefined
    if (!schema) return undefined
  }
  return schema
}

/** Whether the text is a word that the member may be, such as `all`. */
function isLiteral(schema: z.core.$ZodType, text: string): boolean {
  const plain = plainSchema(schema)
  if (plain instanceof z.ZodUnion) return plain.options.some(each => isLiteral(each, text))
  return plain instanceof z.ZodLiteral && plain.values.has(text)
}

function listKinds(schema: z.core.$ZodType): readonly Kind[] {
  const plain = plainSchema(schema)
  if (plain instanceof z.ZodUnion) return plain.options.flatMap(listKinds)
  if (plain instanceof z.ZodLiteral) return []
  if (plain instanceof z.ZodBoolean) return ['boolean']
  if (plain instanceof z.ZodNumber) return ['number']
  if (plain instanceof z.ZodArray) return ['array']
  return plain instanceof z.ZodObject ? ['object'] : ['text']
}

/** The schema itself, without what says that it may be absent. */
function plainSchema(schema: z.core.$ZodType): z.core.$ZodType {
  const wraps = schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault
  return wraps ? plainSchema(schema.def.innerType) : schema
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
