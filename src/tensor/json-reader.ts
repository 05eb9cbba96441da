/**
 * Reads the JSON texts that `JSON.parse` refuses, or whose members it would put in another order, as CPython's `json.loads`
 * does, and says where a text is not JSON. It is much slower than `JSON.parse`, and never the first to look at a body.
 */

interface JsonReading {
  /** The bare words NaN, Infinity and -Infinity are numbers, as Python writes and reads them. */
  readonly takesNonFinite?: boolean
  /** Whole numbers beyond 2^53 become BigInt. */
  readonly hasExactIntegers?: boolean
  /** Objects become Maps, with members as they were written: plain objects sort names such as "10" and "2". */
  readonly keepsOrder?: boolean
}

/** Says where a text is not JSON, e.g. `unexpected character at line 1, column 14`. V8's own messages quote the text. */
export class JsonError extends Error {
  /** The offset from the beginning of the text, in UTF-16 code units. */
  readonly position: number

  constructor(text: string, position: number) {
    const before = text.slice(0, position)
    const line = before.split('\n').length
    const column = position - before.lastIndexOf('\n')
    super(`unexpected ${position < text.length ? 'character' : 'end'} at line ${line}, column ${column}`)
    this.name = 'JsonError'
    this.position = position
  }
}

/**
 * A number with more digits than a double can hold is a BigInt that is beyond doubles as well: an infinity is one that the
 * text names.
 *
 * @param text  not nested deeper than the stack allows
 * @throws JsonError
 */
export function readJson(text: string, reading: JsonReading = {}): unknown {
  return new Reader(text, reading).readDocument()
}

const whiteSpace = /[ \t\n\r]*/y
const number = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y
const word = /true|false|null/y
const token = /NaN|-?Infinity/y
// biome-ignore lint/suspicious/noControlCharactersInRegex: JSON forbids exactly these in strings (RFC 8259, section 7)
const plainText = /[^"\\\u0000-\u001f]*/y

const named: Readonly<Record<string, unknown>> = {
  true: true,
  false: false,
  null: null,
  NaN: Number.NaN,
  Infinity: Number.POSITIVE_INFINITY,
  '-Infinity': Number.NEGATIVE_INFINITY,
}

/** Larger than any double. */
export const beyondDoubles = 10n ** 400n

class Reader {
  readonly #text: string
  readonly #reading: JsonReading
  #position = 0

  constructor(text: string, reading: JsonReading) {
    this.#text = text
    this.#reading = reading
  }

  readDocument(): unknown {
    this.#skip(whiteSpace)
    const value = this.#readValue()
    this.#skip(whiteSpace)
    if (this.#position < this.#text.length) throw this.#unexpected()
    return value
  }

  #unexpected(position = this.#position): JsonError {
    return new JsonError(this.#text, position)
  }

  #skip(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#position
    const match = pattern.exec(this.#text)?.[0]
    if (match !== undefined) this.#position += match.length
    return match
  }

  #take(character: string): boolean {
    if (this.#text[this.#position] !== character) return false
    this.#position++
    return true
  }

  #readValue(): unknown {
    if (this.#take('"')) return this.#readString()
    if (this.#take('{')) return this.#readObject()
    if (this.#take('[')) return this.#readArray()
    const name = this.#skip(word) ?? (this.#reading.takesNonFinite ? this.#skip(token) : undefined)
    if (name !== undefined) return named[name]
    const digits = this.#skip(number)
    if (digits === undefined) throw this.#unexpected()
    return this.#readNumber(digits)
  }

  #readNumber(digits: string): number | bigint {
    const value = Number(digits)
    if (!Number.isFinite(value)) return value < 0 ? -beyondDoubles : beyondDoubles
    const isBig = this.#reading.hasExactIntegers && !Number.isSafeInteger(value) && /^-?\d+$/.test(digits)
    return isBig ? BigInt(digits) : value
  }

  #readArray(): unknown[] {
    const entries: unknown[] = []
    this.#skip(whiteSpace)
    if (this.#take(']')) return entries
    for (;;) {
      entries.push(this.#readValue())
      this.#skip(whiteSpace)
      if (this.#take(']')) return entries
      if (!this.#take(',')) throw this.#unexpected()
      this.#skip(whiteSpace)
    }
  }

  #readObject(): unknown {
    const members = new Map<string, unknown>()
    this.#skip(whiteSpace)
    if (!this.#take('}')) {
      for (;;) {
        if (!this.#take('"')) throw this.#unexpected()
        const key = this.#readString()
        this.#skip(whiteSpace)
        if (!this.#take(':')) throw this.#unexpected()
        this.#skip(whiteSpace)
        members.set(key, this.#readValue())
        this.#skip(whiteSpace)
        if (this.#take('}')) break
        if (!this.#take(',')) throw this.#unexpected()
        this.#skip(whiteSpace)
      }
    }
    return this.#reading.keepsOrder ? members : Object.fromEntries(members)
  }

  /** Reads from after the opening quote to after the closing one. */
  #readString(): string {
    const start = this.#position - 1
    let hasEscapes = false
    for (;;) {
      this.#skip(plainText)
      const character = this.#text[this.#position]
      if (character === undefined) throw this.#unexpected()
      if (character === '"') {
        this.#position++
        const quoted = this.#text.slice(start, this.#position)
        return hasEscapes ? (JSON.parse(quoted) as string) : quoted.slice(1, -1)
      }
      if (character !== '\\') throw this.#unexpected()
      hasEscapes = true
      this.#skipEscape()
    }
  }

  #skipEscape(): void {
    const letter = this.#text[this.#position + 1]
    if (letter === undefined) throw this.#unexpected(this.#text.length)
    if (letter === 'u') {
      if (!/^[0-9a-fA-F]{4}$/.test(this.#text.slice(this.#position + 2, this.#position + 6))) {
        throw this.#unexpected(this.#position + 1)
      }
      this.#position += 6
    } else if ('"\\/bfnrt'.includes(letter)) {
      this.#position += 2
    } else {
      throw this.#unexpected()
    }
  }
}
