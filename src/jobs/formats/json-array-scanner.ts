import { InputUnreadable } from '../failure.ts'
import type { RowScanner } from './row-scanner.ts'

const [quote, comma, openBracket, backslash, closeBracket, openBrace, closeBrace] = [
  0x22, 0x2c, 0x5b, 0x5c, 0x5d, 0x7b, 0x7d,
]

function isBlank(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09
}

/** A whole array; what follows an element of one; some elements with the commas between them. */
export type JsonArrayPart = 'array' | 'rest' | 'elements'

/** What comes next: the array's bracket; an element or the end of an empty array; an element; within one; a comma or the end; nothing. */
type Place = 'bracket' | 'first' | 'element' | 'within' | 'delimiter' | 'after'

/**
 * Rows are the elements of one array. Looks at brackets, strings and commas only: whether an element is JSON is found when it is
 * read.
 */
export class JsonArrayScanner implements RowScanner {
  start = 0
  end = 0
  readonly #kind: JsonArrayPart
  #piece: Uint8Array = new Uint8Array()
  #base: number
  #at = 0
  #place: Place
  /** Brackets that the open element has open. */
  #depth = 0
  #isInString = false
  #isEscaped = false

  constructor(offset: number, kind: JsonArrayPart) {
    this.#base = offset
    this.#kind = kind
    this.#place = ({ array: 'bracket', rest: 'delimiter', elements: 'first' } as const)[kind]
  }

  get isOpen(): boolean {
    return this.#place === 'within'
  }

  feed(piece: Uint8Array): void {
    this.#base += this.#piece.length
    this.#piece = piece
    this.#at = 0
  }

  next(): boolean {
    const piece = this.#piece
    while (this.#at < piece.length) {
      if (this.#place === 'within') {
        if (!this.#walkElement()) return false
        this.end = this.#base + this.#at
        this.#place = 'delimiter'
        return true
      }
      const byte = piece[this.#at] as number
      if (isBlank(byte)) this.#at++
      else this.#step(byte)
    }
    return false
  }

  finish(): boolean {
    const end = this.#base + this.#piece.length
    if (this.#kind === 'elements') {
      const isRow = this.#place === 'within'
      this.#place = 'after'
      this.end = end
      return isRow
    }
    if (this.#place === 'bracket') throw notArray('must be one JSON array; it is empty')
    if (this.#place !== 'after') {
      throw new InputUnreadable('INPUT_TRUNCATED', `the JSON array is not closed; the input ends at byte ${end}`)
    }
    return false
  }

  /** @param byte  not blank, between elements */
  #step(byte: number): void {
    const at = this.#base + this.#at
    switch (this.#place) {
      case 'bracket':
        if (byte !== openBracket) throw notArray(`must be one JSON array; it does not begin with "[" at byte ${at}`)
        this.#place = 'first'
        break
      case 'first':
      case 'element':
        if (byte === closeBracket && this.#place === 'first') this.#place = 'after'
        else if (byte === comma || byte === closeBracket || byte === closeBrace) {
          throw notArray(`has no element before byte ${at}, where one is due`)
        } else {
          this.start = at
          this.#place = 'within'
          return
        }
        break
      case 'delimiter':
        if (byte === comma) this.#place = 'element'
        else if (byte === closeBracket) this.#place = 'after'
        else throw notArray(`has neither "," nor "]" at byte ${at}, after an element`)
        break
      default:
        throw notArray(`goes on at byte ${at}, after the end of its array`)
    }
    this.#at++
  }

  /** @returns whether the element's end was found, which is then at `#at` */
  #walkElement(): boolean {
    const piece = this.#piece
    let depth = this.#depth
    let isInString = this.#isInString
    let at = this.#at
    if (this.#isEscaped && at < piece.length) {
      this.#isEscaped = false
      at++
    }
    for (; at < piece.length; at++) {
      const byte = piece[at]
      if (isInString) {
        if (byte === backslash) at++
        else if (byte === quote) isInString = false
      } else if (byte === quote) isInString = true
      else if (byte === openBracket || byte === openBrace) depth++
      else if (depth === 0 && (byte === comma || byte === closeBracket || byte === closeBrace)) break
      else if (byte === closeBracket || byte === closeBrace) depth--
    }
    this.#isEscaped = at > piece.length
    this.#isInString = isInString
    this.#depth = depth
    this.#at = Math.min(at, piece.length)
    return at < piece.length
  }
}

function notArray(what: string): InputUnreadable {
  return new InputUnreadable('INPUT_NOT_JSON_ARRAY', `the input ${what}`)
}
