import { ScoringError } from '../errors.ts'
import { isNestedDeeper } from './json-depth.ts'
import { findJsonError } from './json-error.ts'
import { isJson, unsupportedMediaType } from './media-type.ts'
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

/**
 * The parameters of a typed or built-in script: a JSON object.
 *
 * @param hasExactIntegers  keep whole numbers beyond 2^53 exact, as BigInt (slower)
 * @throws ScoringError CONTENT_TYPE_UNSUPPORTED, BODY_EMPTY, BODY_NOT_UTF8, BODY_NESTED_TOO_DEEPLY, BODY_NOT_JSON, BODY_NOT_OBJECT
 */
export function decodeParameters(
  body: Uint8Array,
  contentType: string | undefined,
  hasExactIntegers: boolean,
): Record<string, unknown> {
  if (!isJson(contentType)) throw unsupportedMediaType(contentType, [])
  if (body.length === 0) throw new ScoringError('BODY_EMPTY', 'POST body is empty. Expecting a JSON dictionary.')
  if (isNestedDeeper(body, maxDepth)) {
    throw new ScoringError('BODY_NESTED_TOO_DEEPLY', `POST body is nested deeper than ${maxDepth} levels.`)
  }
  const text = decodeText(body).replace(/^\uFEFF/, '')
  const parameters = parse(text, hasExactIntegers)
  if (typeof parameters !== 'object' || parameters === null || Array.isArray(parameters)) {
    throw new ScoringError('BODY_NOT_OBJECT', 'POST body should be a JSON dictionary.')
  }
  return parameters as Record<string, unknown>
}

function parse(text: string, hasExactIntegers: boolean): unknown {
  try {
    return hasExactIntegers ? JSON.parse(text, exactInteger) : JSON.parse(text)
  } catch {
    // V8's own message quotes the body, and row values must not enter a message.
    throw new ScoringError('BODY_NOT_JSON', `POST body could not be decoded as JSON: ${findJsonError(text)}`)
  }
}

/** For `JSON.parse`: whole numbers beyond 2^53 as BigInt. */
export function exactInteger(_key: string, value: unknown, context?: { source?: string }): unknown {
  if (typeof value !== 'number' || Number.isSafeInteger(value) || !context?.source) return value
  return /^-?\d+$/.test(context.source) ? BigInt(context.source) : value
}
