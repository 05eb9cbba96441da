import { beyondDoubles, JsonError, readJson } from './json-reader.ts'

/** Facts about a JSON text that its parsed value has lost. */
export interface JsonSource {
  /** An infinity is one of Python's words for it; otherwise it is a number too large for a double. */
  readonly hasTokens: boolean
  /** Reads the text as Maps, whose members keep their order; infinities are words in it. */
  inOrder(): unknown
}

interface ParsedJson extends JsonSource {
  readonly value: unknown
}

/**
 * Parses JSON with the words NaN, Infinity and -Infinity, as Python writes and reads it. Ordinary texts cost what
 * `JSON.parse` costs.
 *
 * @param hasExactIntegers  whole numbers beyond 2^53 stay exact, as BigInt (slower)
 * @throws JsonError
 */
export function parseJson(text: string, hasExactIntegers: boolean): ParsedJson {
  const reading = { hasExactIntegers, takesNonFinite: true }
  const inOrder = () => readJson(text, { ...reading, keepsOrder: true })
  try {
    return { value: parse(text, hasExactIntegers), hasTokens: false, inOrder }
  } catch {
    return { value: readJson(text, reading), hasTokens: true, inOrder }
  }
}

/**
 * Parses JSON without those words (RFC 8259).
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

/** A reviver for `JSON.parse`: whole numbers beyond 2^53 become BigInt; what is beyond doubles stays so, as in `readJson`. */
function exactInteger(_key: string, value: unknown, context?: { source?: string }): unknown {
  if (typeof value !== 'number' || Number.isSafeInteger(value) || !context?.source) return value
  if (!Number.isFinite(value)) return value < 0 ? -beyondDoubles : beyondDoubles
  return /^-?\d+$/.test(context.source) ? BigInt(context.source) : value
}
