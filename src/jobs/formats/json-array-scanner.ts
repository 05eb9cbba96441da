import { InputUnreadable } from '../failure.ts'
import { isWhiteSpace } from './json-lines-scanner.ts'
import type { RowScanner } from './row-scanner.ts'

const lineFeed = 0x0a
const [quote, comma, openBracket, backslash, closeBracket, openBrace, closeBrace] = [
  0x22, 0x2c, 0x5b, 0x5c, 0x5d, 0x7b, 0x7d,
]

/** The scanned text: a whole array, the rest after an element, or elements with commas between them. */
type JsonArrayPart = 'array' | 'rest' | 'elements'

/** The next thing that the scanner expects: the opening bracket, the first element or the end, an element, its end, a comma or the end, or nothing. */
type Expected = 'bracket' | 'first' | 'element' | 'within' | 'delimiter' | 'after'

/**
 * Rows are the elements of one array. The scanner reads brackets, strings and commas only; whether an element is valid JSON is
 * checked when the row is read.
 */
export class JsonArrayScanner implements RowScanner {
  start = 0
  end = 0
  startLine = 0
  endLine = 0
  readonly #kind: JsonArrayPart
  #piece: Uint8Array = new Uint8Array()
  #base: number
  #at = 0
  /** Line ends before `#at`. */
  #lines = 0
  #expected: Expected
  /** Open brackets of the open element. */
  #depth = 0
  #isInString = false
  #isEscaped = false

  constructor(offset: number, kind: JsonArrayPart) {
    this.#base = offset
    this.#kind = kind
    this.#expected = ({ array: 'bracket', rest: 'delimiter', elements: 'first' } as const)[kind]
  }

  get isOpen(): boolean {
    return this.#expected === 'within'
  }

  feed(piece: Uint8Array): void {
    this.#base += this.#piece.length
    this.#piece = piece
    this.#at = 0
  }

  next(): boolean {
    const piece = this.#piece
    while (this.#at < piece.length) {
      if (this.#expected === 'within') {
        if (!this.#walkElement()) return false
        this.end = this.#base + this.#at
        this.endLine = this.#lines
        this.#expected = 'delimiter'
        return true
      }
      const byte = piece[this.#at] as number
      if (isWhiteSpace(byte)) {
        if (byte === lineFeed) this.#lines++
        this.#at++
      } else this.#step(byte)
    }
    return false
  }

  finish(): boolean {
    const end = this.#base + this.#piece.length
    if (this.#kind === 'elements') {
      const isRow = this.#expected === 'within'
      this.#expected = 'after'
      this.end = end
      this.endLine = this.#lines
      return isRow
    }
    if (this.#expected === 'bracket') throw notArray('must be one JSON array; it is empty')
    if (this.#expected !== 'after') {
      throw new InputUnreadable('INPUT_TRUNCATED', `the JSON array is not closed; the input ends at byte ${end}`)
    }
    return false
  }

  /** Handles a byte between elements that is not white space. */
  #step(byte: number): void {
    const at = this.#base + this.#at
    switch (this.#expected) {
      case 'bracket':
        if (byte !== openBracket) throw notArray(`must be one JSON array; it does not begin with "[" at byte ${at}`)
        this.#expected = 'first'
        break
      case 'first':
      case 'element':
        if (byte === closeBracket && this.#expected === 'first') this.#expected = 'after'
        else if (byte === comma || byte === closeBracket || byte === closeBrace) {
          throw notArray(`has no element before byte ${at}, where one is due`)
        } else {
          this.start = at
          this.startLine = this.#lines
          this.#expected = 'within'
          return
        }
        break
      case 'delimiter':
        if (byte === comma) this.#expected = 'element'
        else if (byte === closeBracket) this.#expected = 'after'
        else throw notArray(`has neither "," nor "]" at byte ${at}, after an element`)
        break
      default:
        throw notArray(`goes on at byte ${at}, after the end of its array`)
    }
    this.#at++
  }

  /** Moves to the end of the element. @returns whether it was found */
  #walkElement(): boolean {
    const piece = this.#piece
    let depth = this.#depth
    let isInString = this.#isInString
    let lines = this.#lines
    let at = this.#at
    if (this.#isEscaped && at < piece.length) {
      this.#isEscaped = false
      if (piece[at] === lineFeed) lines++
      at++
    }
    for (; at < piece.length; at++) {
      const byte = piece[at]
      if (isInString) {
        if (byte === backslash) {
          at++
          if (piece[at] === lineFeed) lines++
        } else if (byte === quote) isInString = false
        else if (byte === lineFeed) lines++
      } else if (byte === quote) isInString = true
      else if (byte === openBracket || byte === openBrace) depth++
      else if (depth === 0 && (byte === comma || byte === closeBracket || byte === closeBrace)) break
      else if (byte === closeBracket || byte === closeBrace) depth--
      else if (byte === lineFeed) lines++
    }
    this.#isEscaped = at > piece.length
    this.#isInString = isInString
    this.#lines = lines
    this.#depth = depth
    this.#at = Math.min(at, piece.length)
    return at < piece.length
  }
}

function notArray(what: string): InputUnreadable {
  return new InputUnreadable('INPUT_NOT_JSON_ARRAY', `the input ${what}`)
}
