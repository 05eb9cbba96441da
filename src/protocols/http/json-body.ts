import { ScoringError } from '../../errors.ts'
import { isJson, unsupportedMediaType } from '../../scripts/media-type.ts'
import { isNestedDeeper } from '../../tensor/json-depth.ts'
import { JsonError } from '../../tensor/json-reader.ts'
import { type JsonSource, parseJson, parseStrictJson } from '../../tensor/json-source.ts'

/** Deeper nesting than any input needs (CPython gives up at about the same depth). */
const maxDepth = 1000

// The byte order mark stays: an undecorated script receives it as part of the string, as Azure ML's does.
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const lossyUtf8 = new TextDecoder('utf-8', { ignoreBOM: true })
const replacement = '\uFFFD'

/**
 * The body as text.
 *
 * @throws ScoringError BODY_NOT_UTF8, with the offset
 */
export function decodeText(body: Uint8Array): string {
  try {
    return utf8.decode(body)
  } catch {
    throw new ScoringError(
      'BODY_NOT_UTF8',
      `Input cannot be decoded as UTF-8: invalid byte at offset ${findInvalidUtf8(body)}`,
    )
  }
}

/** @returns the offset of the first byte that begins no character */
function findInvalidUtf8(body: Uint8Array): number {
  const text = lossyUtf8.decode(body)
  let offset = 0
  for (let from = 0; ; ) {
    const at = text.indexOf(replacement, from)
    offset += Buffer.byteLength(text.slice(from, at))
    // The body may hold the replacement character itself: EF BF BD.
    const isOwn = body[offset] === 0xef && body[offset + 1] === 0xbf && body[offset + 2] === 0xbd
    if (!isOwn) return offset
    offset += 3
    from = at + 1
  }
}

export interface BodyReading {
  /** Whole numbers beyond 2^53 stay exact, as BigInt (slower). */
  readonly hasExactIntegers: boolean
  /** The bare words NaN, Infinity and -Infinity are numbers, as Python writes and reads them. */
  readonly takesNonFinite: boolean
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
  const parsed = parse(text, reading)
  if (typeof parsed.value !== 'object' || parsed.value === null || Array.isArray(parsed.value)) {
    throw new ScoringError('BODY_NOT_OBJECT', 'POST body should be a JSON dictionary.')
  }
  return { ...parsed, parameters: parsed.value as Record<string, unknown> }
}

function parse(text: string, { hasExactIntegers, takesNonFinite }: BodyReading) {
  try {
    return takesNonFinite ? parseJson(text, hasExactIntegers) : parseStrictJson(text, hasExactIntegers)
  } catch (error) {
    if (!(error instanceof JsonError)) throw error
    throw new ScoringError('BODY_NOT_JSON', `POST body could not be decoded as JSON: ${error.message}`)
  }
}
