/** How a CSV is written that is not as RFC 4180 says. */
export interface CsvDialect {
  /** Between the cells of a row, a character of ASCII; default: a comma. */
  readonly delimiter?: string | undefined
  /** Around cells that hold a delimiter or a line end; '': nothing; default: a double quote. */
  readonly quote?: string | undefined
  /** Texts of missing values besides those of pandas. */
  readonly na?: readonly string[] | undefined
  /** Before the decimals of a number, a comma or a point; default: a point. */
  readonly decimal?: string | undefined
  /** Between the thousands of a number; default: nothing. A space and an apostrophe stand for their typographic forms, too. */
  readonly thousands?: string | undefined
}

/** @returns the bytes between and around cells; for no quotes one that never occurs */
export function dialectBytes({ delimiter = ',', quote = '"' }: CsvDialect = {}): {
  readonly delimiter: number
  readonly quote: number
} {
  return { delimiter: delimiter.charCodeAt(0), quote: quote === '' ? -1 : quote.charCodeAt(0) }
}

/** The default `na_values` of `pandas.read_csv`. */
const usualTexts: ReadonlySet<string> = new Set([
  ...['', '#N/A', '#N/A N/A', '#NA', '-1.#IND', '-1.#QNAN', '-NaN', '-nan', '1.#IND', '1.#QNAN', '<NA>', 'N/A', 'NA'],
  ...['NULL', 'NaN', 'None', 'n/a', 'nan', 'null'],
])

/** The texts that stand for a missing value. */
export class MissingTexts {
  readonly #texts: ReadonlySet<string>
  readonly #numbers: ReadonlySet<number>

  /** @param more  texts besides those of pandas; a number among them stands for its other spellings too, as in pandas */
  constructor(more: readonly string[] = []) {
    this.#texts = more.length === 0 ? usualTexts : new Set([...usualTexts, ...more])
    this.#numbers = new Set(more.map(text => (text.trim() === '' ? Number.NaN : Number(text))).filter(Number.isFinite))
  }

  get hasNumbers(): boolean {
    return this.#numbers.size > 0
  }

  has(text: string): boolean {
    return this.#texts.has(text) || (this.hasNumbers && text !== '' && this.#numbers.has(Number(text)))
  }

  hasNumber(number: number): boolean {
    return this.#numbers.has(number)
  }
}

export const usualMissing = new MissingTexts()
