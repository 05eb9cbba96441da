import type { Dtype } from '../../tensor/dtype.ts'
import { type MissingTexts, usualMissing } from '../csv-dialect.ts'

export interface CellReading {
  readonly missing?: 'nan' | 'error'
  readonly na?: MissingTexts
}

const infinity = /^([+-]?)inf(?:inity)?$/i

/** @returns Python's JSON word for a missing or infinite number; undefined for other texts */
export function nonFiniteWord(
  text: string,
  na: MissingTexts = usualMissing,
): 'NaN' | 'Infinity' | '-Infinity' | undefined {
  if (na.has(text)) return 'NaN'
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
 * @param missing  `nan` reads texts for missing values as NaN, and accepts infinities, for floating-point types
 * @param na  the texts; with more than pandas', they are null where there is no type
 * @returns undefined when the cell does not have the type
 */
export function cellJson(
  cell: string,
  dtype: Dtype | undefined,
  { missing = 'nan', na = usualMissing }: CellReading = {},
): string | undefined {
  if (dtype === 'string') return JSON.stringify(cell)
  const text = cell.trim()
  if (na !== usualMissing && na.has(text) && (dtype === undefined || dtype === 'bool' || na.hasNumber(Number(text))))
    return dtype === undefined ? 'null' : missing === 'nan' && dtype.startsWith('float') ? 'NaN' : undefined
  if (dtype === 'bool') return words[text.toLowerCase()]
  if (jsonNumber.test(text)) return text
  if (dtype === undefined) return JSON.stringify(cell)
  const [, sign, whole = '', fraction = '', exponent] = otherNumber.exec(text) ?? []
  // Without its leading zero, "0." matches like ".", which is not a number.
  if (sign === undefined || !/^[+-]?(\d|\.\d)/.test(text)) {
    return missing === 'nan' && dtype.startsWith('float') ? nonFiniteWord(text, na) : undefined
  }
  return `${sign === '-' ? '-' : ''}${whole || '0'}${fraction && `.${fraction}`}${exponent}`
}
