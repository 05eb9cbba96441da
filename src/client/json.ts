/** JSON as services write and read it: integers beyond 2^53, and numbers that are not finite. */

/** TypeScript does not know `JSON.rawJSON` yet (ECMAScript proposal, source text access). */
const { rawJSON: rawJson } = JSON as unknown as { rawJSON?: (text: string) => unknown }

/**
 * Encodes a value as JSON. Typed arrays become lists, bigints whole numbers with all digits, and numbers that are not finite the
 * words that services take for them.
 */
export function encodeJson(value: unknown): string {
  return JSON.stringify(value, (_name, member: unknown) => {
    if (typeof member === 'number' && !Number.isFinite(member)) return String(member)
    if (typeof member === 'bigint') return encodeBigInt(member)
    if (ArrayBuffer.isView(member) && !(member instanceof DataView)) return Array.from(member as unknown as number[])
    return member
  })
}

function encodeBigInt(value: bigint): unknown {
  if (rawJson) return rawJson(String(value))
  if (Number.isSafeInteger(Number(value))) return Number(value)
  throw new TypeError(`${value} has more digits than JSON of this browser can carry; send the rows as a BigInt64Array`)
}

/** A whole number that a double may not hold. */
const longInteger = /(?<![\d.])-?\d{16,}(?![\d.eE])/
const notFinite = /"(?:[^"\\]|\\.)*"|-?Infinity|NaN/g
const mark = '\uE000' // a private character stands before a word that is a number

/**
 * Decodes an answer. Whole numbers that a double cannot hold become bigints, so that int64 outputs keep all digits; the bare NaN and
 * Infinity of Python (`"nonFinite": "literal"`) become numbers.
 *
 * @throws SyntaxError
 */
export function decodeJson(text: string): unknown {
  try {
    return longInteger.test(text)
      ? JSON.parse(text, reviveInteger as (name: string, value: unknown) => unknown)
      : JSON.parse(text)
  } catch (failure) {
    const marked = text.replaceAll(notFinite, token => (token.startsWith('"') ? token : `"${mark}${token}"`))
    if (marked === text) throw failure
    return JSON.parse(marked, reviveMarked as (name: string, value: unknown) => unknown)
  }
}

function reviveMarked(name: string, value: unknown, context?: { source?: string }): unknown {
  const isMarked = typeof value === 'string' && value.startsWith(mark) && /^(-?Infinity|NaN)$/.test(value.slice(1))
  return isMarked ? Number(value.slice(mark.length)) : reviveInteger(name, value, context)
}

function reviveInteger(_name: string, value: unknown, { source }: { source?: string } = {}): unknown {
  const isInteger = typeof value === 'number' && source !== undefined && /^-?\d+$/.test(source)
  return isInteger && !Number.isSafeInteger(value) ? BigInt(source) : value
}
