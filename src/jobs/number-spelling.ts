/** Numbers of a CSV that are written with other marks than those of JSON, as spreadsheets do in many countries. */
import type { CsvDialect } from './csv-dialect.ts'

/** What stands in numbers. */
export type NumberMarks = Pick<CsvDialect, 'decimal' | 'thousands'>

/**
 * @returns the same number with a decimal point and no other mark; the text itself where it has no digit; undefined where it is no
 *   number in this spelling
 */
export type NumberSpelling = (text: string) => string | undefined

/** French spreadsheets group digits by spaces that do not break the line. */
const anySpace = '[ \\u00a0\\u202f]'

/** @returns undefined where numbers are written as in JSON */
export function numberSpelling({ decimal = '.', thousands }: NumberMarks): NumberSpelling | undefined {
  if (decimal === '.' && thousands === undefined) return undefined
  const mark = thousands === ' ' ? anySpace : thousands && `\\u${thousands.charCodeAt(0).toString(16).padStart(4, '0')}`
  // Groups of two are those of India. Of anything else, such as 1.5 with a point between thousands, nobody knows what is meant.
  const whole = mark === undefined ? '\\d*' : `(?:\\d{1,3}(?:${mark}\\d{2,3})*${mark}\\d{3}|\\d*)`
  const number = new RegExp(`^[+-]?${whole}(?:[${decimal}]\\d*)?(?:[eE][+-]?\\d+)?$`)
  const marks = mark === undefined ? undefined : new RegExp(mark, 'g')
  return text => {
    if (!/\d/.test(text)) return text
    if (!number.test(text)) return undefined
    return (marks ? text.replace(marks, '') : text).replace(decimal, '.')
  }
}

/** The simple ones first: what one of them reads needs no other. */
const otherMarks: readonly (readonly NumberMarks[])[] = [
  [{}],
  [{ thousands: ',' }, { decimal: ',' }],
  [{ decimal: ',', thousands: '.' }],
  [{ thousands: ' ' }, { thousands: "'" }, { decimal: ',', thousands: ' ' }],
]

/**
 * Advises on a cell that is no number.
 *
 * @param isNumber  whether a cell would be a number with other marks
 * @returns what would make it one, in the words of a submission; undefined when nothing is known to
 */
export function suggestMarks(isNumber: (spelling: NumberSpelling | undefined) => boolean): string | undefined {
  for (const group of otherMarks) {
    const fitting = group.filter(marks => isNumber(numberSpelling(marks)))
    if (fitting.length > 0) return fitting.map(describeMarks).join(' or ')
  }
  return undefined
}

function describeMarks(marks: NumberMarks): string {
  const members = Object.entries(marks).map(([name, mark]) => `"${name}": ${JSON.stringify(mark)}`)
  return members.length === 0 ? 'no "decimal" and no "thousands"' : members.join(' and ')
}
