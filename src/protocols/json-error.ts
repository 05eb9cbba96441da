/**
 * Where and why a text is not JSON, worded as CPython 3.11's `json.loads` does, e.g.
 * `Expecting ',' delimiter: line 1 column 14 (char 13)`. V8's own messages quote the text, ours never do.
 *
 * @param text  what `JSON.parse` refused
 */
export function findJsonError(text: string): string {
  try {
    new Scanner(text).scanDocument()
  } catch (error) {
    if (error instanceof Misplaced) return `${error.message}: ${place(text, error.position)}`
    throw error
  }
  return `Expecting value: ${place(text, text.length)}`
}

class Misplaced extends Error {
  readonly position: number

  constructor(message: string, position: number) {
    super(message)
    this.position = position
  }
}

function place(text: string, position: number): string {
  const before = text.slice(0, position)
  const line = before.split('\n').length
  return `line ${line} column ${position - before.lastIndexOf('\n')} (char ${position})`
}

const whiteSpace = /[ \t\n\r]*/y
const number = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y
const word = /true|false|null/y
// biome-ignore lint/suspicious/noControlCharactersInRegex: JSON forbids exactly these in strings (RFC 8259, section 7)
const plainText = /[^"\\\u0000-\u001f]*/y

/** Walks the text as CPython's decoder does, without building anything. Nesting is bounded before it is called. */
class Scanner {
  readonly #text: string
  #position = 0

  constructor(text: string) {
    this.#text = text
  }

  scanDocument(): void {
    this.#skip(whiteSpace)
    this.#scanValue()
    this.#skip(whiteSpace)
    if (this.#position < this.#text.length) throw new Misplaced('Extra data', this.#position)
  }

  #skip(pattern: RegExp): boolean {
    pattern.lastIndex = this.#position
    const match = pattern.exec(this.#text)
    if (match) this.#position += match[0].length
    return match !== null
  }

  #take(character: string): boolean {
    if (this.#text[this.#position] !== character) return false
    this.#position++
    return true
  }

  #scanValue(): void {
    if (this.#take('"')) return this.#scanString()
    if (this.#take('{')) return this.#scanObject()
    if (this.#take('[')) return this.#scanArray()
    if (!this.#skip(word) && !this.#skip(number)) throw new Misplaced('Expecting value', this.#position)
  }

  #scanArray(): void {
    this.#skip(whiteSpace)
    if (this.#take(']')) return
    for (;;) {
      this.#scanValue()
      this.#skip(whiteSpace)
      if (this.#take(']')) return
      if (!this.#take(',')) throw new Misplaced("Expecting ',' delimiter", this.#position)
      this.#skip(whiteSpace)
    }
  }

  #scanObject(): void {
    const name = 'Expecting property name enclosed in double quotes'
    this.#skip(whiteSpace)
    if (this.#take('}')) return
    for (;;) {
      if (!this.#take('"')) throw new Misplaced(name, this.#position)
      this.#scanString()
      this.#skip(whiteSpace)
      if (!this.#take(':')) throw new Misplaced("Expecting ':' delimiter", this.#position)
      this.#skip(whiteSpace)
      this.#scanValue()
      this.#skip(whiteSpace)
      if (this.#take('}')) return
      if (!this.#take(',')) throw new Misplaced("Expecting ',' delimiter", this.#position)
      this.#skip(whiteSpace)
    }
  }

  /** From after the opening quote to after the closing one. */
  #scanString(): void {
    const start = this.#position - 1
    for (;;) {
      this.#skip(plainText)
      const character = this.#text[this.#position]
      if (character === undefined) throw new Misplaced('Unterminated string starting at', start)
      if (character === '"') {
        this.#position++
        return
      }
      if (character !== '\\') throw new Misplaced('Invalid control character at', this.#position)
      this.#scanEscape(start)
    }
  }

  #scanEscape(start: number): void {
    const letter = this.#text[this.#position + 1]
    if (letter === undefined) throw new Misplaced('Unterminated string starting at', start)
    if (letter === 'u') {
      if (!/^[0-9a-fA-F]{4}$/.test(this.#text.slice(this.#position + 2, this.#position + 6))) {
        throw new Misplaced('Invalid \\uXXXX escape', this.#position + 1)
      }
      this.#position += 6
    } else if ('"\\/bfnrt'.includes(letter)) {
      this.#position += 2
    } else {
      throw new Misplaced('Invalid \\escape', this.#position)
    }
  }
}
