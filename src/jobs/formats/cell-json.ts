import type { Dtype } from '../../tensor/dtype.ts'

/** What stands in tables for a number that is missing, or infinite. */

/** `na_values` of `pandas.read_csv`, as they are by default. */
const missingTexts: ReadonlySet<string> = new Set([
  ...['', '#N/A', '#N/A N/A', '#NA', '-1.#IND', '-1.#QNAN', '-NaN', '-nan', '1.#IND', '1.#QNAN', '<NA>', 'N/A', 'NA'],
  ...['NULL', 'NaN', 'None', 'n/a', 'nan', 'null'],
])

const infinity = /^([+-]?)inf(?:inity)?$/i

export function isMissingText(text: string): boolean {
  return missingTexts.has(text)
}

/** @returns Python's word for it in JSON; undefined: it is something else */
export function nonFiniteWord(text: string): 'NaN' | 'Infinity' | '-Infinity' | undefined {
  if (missingTexts.has(text)) return 'NaN'
  const sign = infinity.exec(text)?.[1]
  return sign === undefined ? undefined : sign === '-' ? '-Infinity' : 'Infinity'
}

/** RFC 8259, section 6. */
const jsonNumber = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/
/** Numbers as programs write them besides: `+3`, `.5`, `1.`, `007`. */
const otherNumber = /^([+-]?)0*((?:[1-9]\d*)?)(?:\.(\d*))?((?:[eE][+-]?\d+)?)$/
const words: Readonly<Record<string, string>> = { true: 'true', false: 'false', '1': 'true', '0': 'false' }

/**
 * A cell of a CSV as JSON text: digits as they stand, so that 2^60 stays exact. Spaces around numbers do not count.
 *
 * @param dtype  undefined: a number if it is one in JSON's spelling (`007` is not), else a string
 * @param missing  nan: to floating-point types, pandas' texts for what is missing are NaN, and infinities are values
 * @returns undefined: it is not of that type
 */
export function cellJson(cell: string, dtype: Dtype | undefined, missing: 'nan' | 'error' = 'nan'): string | undefined {
  if (dtype === 'string') return JSON.stringify(cell)
  const text = cell.trim()
  if (dtype === 'bool') return words[text.toLowerCase()]
  if (jsonNumber.test(text)) return text
  if (dtype === undefined) return JSON.stringify(cell)
  const [, sign, whole = '', fraction = '', exponent] = otherNumber.exec(text) ?? []
  // The pattern takes leading zeros apart, so that "0." has neither part left, like ".".
  if (sign === undefined || !/^[+-]?(\d|\.\d)/.test(text)) {
    return missing === 'nan' && dtype.startsWith('float') ? nonFiniteWord(text) : undefined
  }
  return `${sign === '-' ? '-' : ''}${whole || '0'}${fraction && `.${fraction}`}${exponent}`
}
