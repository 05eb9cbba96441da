import type { Dtype } from '../../tensor/dtype.ts'

/** The default `na_values` of `pandas.read_csv`. */
const missingTexts: ReadonlySet<string> = new Set([
  ...['', '#N/A', '#N/A N/A', '#NA', '-1.#IND', '-1.#QNAN', '-NaN', '-nan', '1.#IND', '1.#QNAN', '<NA>', 'N/A', 'NA'],
  ...['NULL', 'NaN', 'None', 'n/a', 'nan', 'null'],
])

const infinity = /^([+-]?)inf(?:inity)?$/i

export function isMissingText(text: string): boolean {
  return missingTexts.has(text)
}

/** @returns Python's JSON word for a missing or infinite number; undefined for other texts */
export function nonFiniteWord(text: string): 'NaN' | 'Infinity' | '-Infinity' | undefined {
  if (missingTexts.has(text)) return 'NaN'
  const sign = infinity.exec(text)?.[1]
  return sign === undefined ? undefined : sign === '-' ? '-Infinity' : 'Infinity'
}

/** RFC 8259, section 6. */
const jsonNumber = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/
/** Other spellings of numbers: `+3`, `.5`, `1.`, `007`. */
const otherNumber = /^([+-]?)0*((?:[1-9]\d*)?)(?:\.(\d*))?((?:[eE][+-]?\d+)?)$/
const words: Readonly<Record<string, string>> = { true: 'true', false: 'false', '1': 'true', '0': 'false' }

/**
 * Converts a cell of a CSV to JSON text. Digits are copied, so that 2^60 stays exact; spaces around numbers are ignored.
 *
 * @param dtype  if undefined, a cell in JSON's spelling of numbers is a number (`007` is not), and any other is a string
 * @param missing  `nan` reads pandas' texts for missing values as NaN, and accepts infinities, for floating-point types
 * @returns undefined when the cell does not have the type
 */
export function cellJson(cell: string, dtype: Dtype | undefined, missing: 'nan' | 'error' = 'nan'): string | undefined {
  if (dtype === 'string') return JSON.stringify(cell)
  const text = cell.trim()
  if (dtype === 'bool') return words[text.toLowerCase()]
  if (jsonNumber.test(text)) return text
  if (dtype === undefined) return JSON.stringify(cell)
  const [, sign, whole = '', fraction = '', exponent] = otherNumber.exec(text) ?? []
  // Without its leading zero, "0." matches like ".", which is not a number.
  if (sign === undefined || !/^[+-]?(\d|\.\d)/.test(text)) {
    return missing === 'nan' && dtype.startsWith('float') ? nonFiniteWord(text) : undefined
  }
  return `${sign === '-' ? '-' : ''}${whole || '0'}${fraction && `.${fraction}`}${exponent}`
}
