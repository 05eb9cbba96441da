import { beyondDoubles, JsonError, readJson } from './json-reader.ts'

/** What parsed JSON does not tell of the text that it comes from. */
export interface JsonSource {
  /** An infinity is one of Python's words for it; otherwise it is a number too large for a double. */
  readonly hasTokens: boolean
  /** The same as Maps, whose members stand as they were written; infinities are words in it. */
  inOrder(): unknown
}

interface ParsedJson extends JsonSource {
  readonly value: unknown
}

/**
 * JSON, or nearly: with the words NaN, Infinity and -Infinity, as Python writes and reads it. Ordinary texts cost what
 * `JSON.parse` costs.
 *
 * @param hasExactIntegers  whole numbers beyond 2^53 stay exact, as BigInt (slower)
 * @throws JsonError
 */
export function parseJson(text: string, hasExactIntegers: boolean): ParsedJson {
  const reading = { hasExactIntegers, takesTokens: true }
  const inOrder = () => readJson(text, { ...reading, keepsOrder: true })
  try {
    return { value: parse(text, hasExactIntegers), hasTokens: false, inOrder }
  } catch {
    return { value: readJson(text, reading), hasTokens: true, inOrder }
  }
}

/**
 * JSON by the letter.
 *
 * @param hasExactIntegers  as above
 * @throws JsonError
 */
export function parseStrictJson(text: string, hasExactIntegers: boolean): ParsedJson {
  try {
    const inOrder = () => readJson(text, { hasExactIntegers, keepsOrder: true })
    return { value: parse(text, hasExactIntegers), hasTokens: false, inOrder }
  } catch {
    readJson(text) // says where
    throw new JsonError(text, text.length)
  }
}

/** @throws SyntaxError that quotes the text */
function parse(text: string, hasExactIntegers: boolean): unknown {
  return hasExactIntegers ? JSON.parse(text, exactInteger) : JSON.parse(text)
}

/** For `JSON.parse`: whole numbers beyond 2^53 as BigInt; what is beyond doubles stays so, as in `readJson`. */
function exactInteger(_key: string, value: unknown, context?: { source?: string }): unknown {
  if (typeof value !== 'number' || Number.isSafeInteger(value) || !context?.source) return value
  if (!Number.isFinite(value)) return value < 0 ? -beyondDoubles : beyondDoubles
  return /^-?\d+$/.test(context.source) ? BigInt(context.source) : value
}
