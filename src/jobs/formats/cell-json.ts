import type { Dtype } from '../../tensor/dtype.ts'
import { type CsvDialect, MissingTexts, usualMissing } from '../csv-dialect.ts'
import { type NumberSpelling, numberSpelling } from '../number-spelling.ts'

export interface CellReading {
  readonly missing?: 'nan' | 'error'
  readonly na?: MissingTexts
  /** Of numbers; absent: JSON's, and some that are close to it. */
  readonly spelling?: NumberSpelling | undefined
}

/** How the cells of a file are read. */
export interface FileReading extends CellReading {
  readonly missing: 'nan' | 'error'
  readonly na: MissingTexts
}

export function fileReading(missing: 'nan' | 'error', dialect: CsvDialect = {}): FileReading {
  const na = dialect.na ? new MissingTexts(dialect.na) : usualMissing
  return { missing, na, spelling: numberSpelling(dialect) }
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

/** A text that is no number, no flag and no missing value. */
const notANumber = '-'

/** RFC 8259, section 6. */
const jsonNumber = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/
/** Other spellings of numbers: `+3`, `.5`, `1.`, `007`. */
const otherNumber = /^([+-]?)0*((?:[1-9]\d*)?)(?:\.(\d*))?((?:[eE][+-]?\d+)?)$/
/** Flags with missing ones among them are written by pandas as `1.0` and `0.0`. */
const flags: Readonly<Record<string, string>> = {
  ...{ true: 'true', '1': 'true', '1.0': 'true' },
  ...{ false: 'false', '0': 'false', '0.0': 'false' },
}
/** Columns of dummies are flags since pandas 2, and numbers to the model. */
const flagNumbers: Readonly<Record<string, string>> = { true: '1', false: '0' }

/**
 * Converts a cell of a CSV to JSON text. Digits are copied, so that 2^60 stays exact; spaces around numbers are ignored.
 *
 * @param dtype  if undefined, a cell in JSON's spelling of numbers is a number (`007` is not), and any other is a string
 * @param missing  `nan` reads texts for missing values as NaN, and accepts infinities, for floating-point types
 * @param na  the texts; with more than pandas', they are null where there is no type
 * @param spelling  of numbers; with it, text in JSON's spelling alone is no number
 * @returns undefined when the cell does not have the type
 */
export function cellJson(
  cell: string,
  dtype: Dtype | undefined,
  { missing = 'nan', na = usualMissing, spelling }: CellReading = {},
): string | undefined {
  if (dtype === 'string') return JSON.stringify(cell)
  const trimmed = cell.trim()
  const text = spelling && dtype !== 'bool' && !na.has(trimmed) ? (spelling(trimmed) ?? notANumber) : trimmed
  if (na !== usualMissing && na.has(text) && (dtype === undefined || dtype === 'bool' || na.hasNumber(Number(text))))
    return dtype === undefined ? 'null' : missing === 'nan' && dtype.startsWith('float') ? 'NaN' : undefined
  if (dtype === 'bool') return flags[text.toLowerCase()] ?? flags[spelling?.(text) ?? '']
  if (jsonNumber.test(text)) return text
  if (dtype === undefined) return JSON.stringify(cell)
  const [, sign, whole = '', fraction = '', exponent] = otherNumber.exec(text) ?? []
  // Without its leading zero, "0." matches like ".", which is not a number.
  if (sign === undefined || !/^[+-]?(\d|\.\d)/.test(text)) {
    const word = missing === 'nan' && dtype.startsWith('float') ? nonFiniteWord(text, na) : undefined
    return word ?? (na.has(text) ? undefined : flagNumbers[text.toLowerCase()])
  }
  return `${sign === '-' ? '-' : ''}${whole || '0'}${fraction && `.${fraction}`}${exponent}`
}
