import { NotProven } from './not-proven.ts'

/**
 * The length of an axis, or an integer computed from such lengths, as a product: a whole number times symbols. The number
 * of rows is one symbol, each other size that a request decides another; a symbol is equal only to itself.
 */
export interface Size {
  readonly factor: number
  /** The symbols, sorted; one that occurs twice is squared. */
  readonly symbols: readonly string[]
}

/** The number of rows in a run, "N" in the comments. */
const rowsSymbol = 'rows'

export const one: Size = { factor: 1, symbols: [] }
export const rowCount: Size = { factor: 1, symbols: [rowsSymbol] }

export function literal(value: number): Size {
  return value === 1 ? one : { factor: value, symbols: [] }
}

/** @returns the number itself, when no symbol is in it */
export function literalValue(size: Size): number | undefined {
  return size.symbols.length === 0 ? size.factor : undefined
}

export function isLiteral(size: Size, value: number): boolean {
  return size.symbols.length === 0 && size.factor === value
}

export function involvesRows(size: Size): boolean {
  return size.symbols.includes(rowsSymbol)
}

export function sameSize(a: Size, b: Size): boolean {
  return a.factor === b.factor && sameSymbols(a, b)
}

/** @throws NotProven when the number is too large to be exact */
export function multiply(...sizes: readonly Size[]): Size {
  let factor = 1
  const symbols: string[] = []
  for (const size of sizes) {
    factor *= size.factor
    symbols.push(...size.symbols)
  }
  if (!Number.isSafeInteger(factor)) throw new NotProven('has sizes above 2^53')
  return factor === 0 ? literal(0) : { factor, symbols: symbols.sort() }
}

/** @returns `a / b`, when that is a whole number times symbols for all values of the symbols; else undefined */
export function divide(a: Size, b: Size): Size | undefined {
  const { left, right } = cancel(a, b)
  return right.factor === 1 && right.symbols.length === 0 ? left : undefined
}

/** Reduces `a / b` to its lowest terms: `left / right`, where `right` is not negative. A `b` of 0 is not reduced. */
export function cancel(a: Size, b: Size): { left: Size; right: Size } {
  const symbols = [...a.symbols]
  const rest: string[] = []
  for (const symbol of b.symbols) {
    const at = symbols.indexOf(symbol)
    if (at < 0) rest.push(symbol)
    else symbols.splice(at, 1)
  }
  if (b.factor === 0) return { left: a, right: b }
  const common = greatestCommonDivisor(a.factor, b.factor) * Math.sign(b.factor)
  return {
    left: a.factor === 0 ? literal(0) : { factor: a.factor / common, symbols },
    right: { factor: b.factor / common, symbols: rest },
  }
}

/** @returns `a + b` (or `a - b`), when both have the same symbols; else undefined */
export function add(a: Size, b: Size, sign: 1 | -1 = 1): Size | undefined {
  if (isLiteral(b, 0)) return a
  if (isLiteral(a, 0)) return multiply(literal(sign), b)
  if (!sameSymbols(a, b)) return undefined
  return multiply({ factor: a.factor + sign * b.factor, symbols: a.symbols })
}

function sameSymbols(a: Size, b: Size): boolean {
  return a.symbols.length === b.symbols.length && a.symbols.every((symbol, index) => symbol === b.symbols[index])
}

function greatestCommonDivisor(a: number, b: number): number {
  let [x, y] = [Math.abs(a), Math.abs(b)]
  while (y > 0) [x, y] = [y, x % y]
  return x
}

/** Makes symbols, and remembers those that turned out to be numbers. */
export class SymbolTable {
  #count = 0
  #numbers = new Map<string, number>()

  /** @returns a length that nothing is known of */
  unknownSize(): Size {
    return { factor: 1, symbols: [`size ${++this.#count}`] }
  }

  /** @returns an integer that nothing is known of; unlike a length it may be negative */
  unknownValue(): Size {
    return { factor: 1, symbols: [`value ${++this.#count}`] }
  }

  /** @returns the length of all axes that the model's inputs call `name` */
  namedSize(name: string): Size {
    return { factor: 1, symbols: [`name ${name}`] }
  }

  /** Whether `size` is a plain symbol for a length other than the number of rows. */
  isOpenLength({ factor, symbols }: Size): boolean {
    return factor === 1 && symbols.length === 1 && /^(size|name) /.test(symbols[0] as string)
  }

  /** Binds `symbol` (see `isOpenLength`) to a number: with any other value the run fails, with one row as with many. */
  bind({ symbols }: Size, value: number): void {
    this.#numbers.set(symbols[0] as string, value)
  }

  get hasNumbers(): boolean {
    return this.#numbers.size > 0
  }

  /** Replaces every symbol in `size` that is known to be a number. */
  resolve(size: Size): Size {
    if (!size.symbols.some(symbol => this.#numbers.has(symbol))) return size
    const numbers = size.symbols.map(symbol => this.#numbers.get(symbol) ?? 1)
    const symbols = size.symbols.filter(symbol => !this.#numbers.has(symbol))
    return multiply({ factor: size.factor, symbols }, ...numbers.map(literal))
  }

  /** Runs `trace`, and forgets what it bound: a branch or a loop's body may not run at all. */
  scoped<Result>(trace: () => Result): Result {
    const before = new Map(this.#numbers)
    try {
      return trace()
    } finally {
      this.#numbers = before
    }
  }
}
