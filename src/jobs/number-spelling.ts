/** Numbers of a CSV that are written with other marks than those of JSON, as spreadsheets do in many countries. */
import type { CsvDialect } from './csv-dialect.ts'

/** What stands in numbers. */
export type NumberMarks = Pick<CsvDialect, 'decimal' | 'thousands'>

/**
 * @returns the same number with a decimal point and no other mark; the text itself where it has no digit; undefined where it is no
 *   number in this spelling
 */
export type NumberSpelling = (text: string) => string | undefined

/** Marks that are typed in one way and written in others: in France a space does not break the line, in Switzerland an apostrophe is curved. */
const writtenAs: Readonly<Record<string, string>> = { ' ': '[ \\u00a0\\u202f]', "'": "['\\u2019]" }

/** @returns undefined where numbers are written as in JSON */
export function numberSpelling({ decimal = '.', thousands }: NumberMarks): NumberSpelling | undefined {
  if (decimal === '.' && thousands === undefined) return undefined
  const mark = thousands && (writtenAs[thousands] ?? `\\u${thousands.charCodeAt(0).toString(16).padStart(4, '0')}`)
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
 * @returns a sentence with the members of a submission that would make it one; undefined when none are known to
 */
export function suggestMarks(isNumber: (spelling: NumberSpelling | undefined) => boolean): string | undefined {
  for (const group of otherMarks) {
    const fitting = group.filter(marks => isNumber(numberSpelling(marks)))
    if (fitting.length > 0) return describeMarks(fitting)
  }
  return undefined
}

function describeMarks(fitting: readonly NumberMarks[]): string {
  const choices = fitting.map(marks =>
    Object.entries(marks).map(([name, mark]) => `"${name}": ${JSON.stringify(mark)}`),
  )
  // Those are no choice of several: a number as in JSON needs nothing else.
  if (choices[0]?.length === 0) return 'it is one without "decimal" and "thousands" in the input of a job'
  return `${choices.map(members => members.join(' and ')).join(' or ')} in the input of a job would read it`
}
