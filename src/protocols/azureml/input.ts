import { ScoringError } from '../../errors.ts'
import { JsonError, readJson } from '../../tensor/json-reader.ts'
import { type JsonSource, type ParsedJson, parseJson, parseStrictJson } from '../../tensor/json-source.ts'
import { isJson, unsupportedMediaType } from '../http/media-type.ts'
import { isNestedDeeper } from './json-depth.ts'
import { describeJsonError, findJsonError } from './json-error.ts'
import { findUtf8Error } from './utf8-error.ts'

/** Deeper nesting than any input needs (CPython gives up at about the same depth). */
const maxDepth = 1000

// The byte order mark stays: an undecorated script receives it as part of the string, as Azure ML's does.
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * The body as text.
 *
 * @throws ScoringError BODY_NOT_UTF8, worded as CPython does
 */
export function decodeText(body: Uint8Array): string {
  try {
    return utf8.decode(body)
  } catch {
    throw new ScoringError('BODY_NOT_UTF8', `Input cannot be decoded as UTF-8: ${findUtf8Error(body)}`)
  }
}

export interface BodyReading {
  /** Whole numbers beyond 2^53 stay exact, as BigInt (slower). */
  readonly hasExactIntegers: boolean
  /** The bare words NaN, Infinity and -Infinity are numbers, as Python writes and reads them. */
  readonly takesTokens: boolean
}

/** A JSON object as a request brings it. */
export interface JsonBody extends JsonSource {
  readonly parameters: Record<string, unknown>
}

/**
 * The body of a typed or built-in script: a JSON object.
 *
 * @throws ScoringError CONTENT_TYPE_UNSUPPORTED, BODY_EMPTY, BODY_NOT_UTF8, BODY_NESTED_TOO_DEEPLY, BODY_NOT_JSON, BODY_NOT_OBJECT
 */
export function decodeJsonBody(body: Uint8Array, contentType: string | undefined, reading: BodyReading): JsonBody {
  if (!isJson(contentType)) throw unsupportedMediaType(contentType, [])
  if (body.length === 0) throw new ScoringError('BODY_EMPTY', 'POST body is empty. Expecting a JSON dictionary.')
  if (isNestedDeeper(body, maxDepth)) {
    throw new ScoringError('BODY_NESTED_TOO_DEEPLY', `POST body is nested deeper than ${maxDepth} levels.`)
  }
  const text = decodeText(body).replace(/^\uFEFF/, '')
  const parameters = reading.takesTokens ? lenient(text, reading) : strict(text, reading)
  if (typeof parameters.value !== 'object' || parameters.value === null || Array.isArray(parameters.value)) {
    throw new ScoringError('BODY_NOT_OBJECT', 'POST body should be a JSON dictionary.')
  }
  return { ...parameters, parameters: parameters.value as Record<string, unknown> }
}

/**
 * The members of a body that has to be JSON by the letter.
 *
 * @throws ScoringError as `decodeJsonBody`
 */
export function decodeParameters(
  body: Uint8Array,
  contentType: string | undefined,
  hasExactIntegers: boolean,
): Record<string, unknown> {
  return decodeJsonBody(body, contentType, { hasExactIntegers, takesTokens: false }).parameters
}

function lenient(text: string, { hasExactIntegers }: BodyReading): ParsedJson {
  try {
    return parseJson(text, hasExactIntegers)
  } catch (error) {
    throw error instanceof JsonError ? notJson(describeJsonError(text, error)) : error
  }
}

function strict(text: string, { hasExactIntegers }: BodyReading): ParsedJson {
  const inOrder = () => readJson(text, { hasExactIntegers, keepsOrder: true })
  try {
    return { value: parseStrictJson(text, hasExactIntegers), hasTokens: false, inOrder }
  } catch {
    // V8's own message quotes the body, and row values must not enter a message.
    throw notJson(findJsonError(text))
  }
}

function notJson(why: string): ScoringError {
  return new ScoringError('BODY_NOT_JSON', `POST body could not be decoded as JSON: ${why}`)
}
