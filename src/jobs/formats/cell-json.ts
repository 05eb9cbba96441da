import type { Dtype } from '../../tensor/dtype.ts'
import { nonFiniteWord } from './missing-value.ts'

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
