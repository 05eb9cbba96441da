import type { CsvDialect } from '../csv-dialect.ts'

/**
 * Splits a record of a CSV, without its line end, into cells.
 *
 * @returns undefined when text follows a closing quote, or a quote is not closed
 */
export function splitRecord(record: string, { delimiter = ',', quote = '"' }: CsvDialect = {}): string[] | undefined {
  if (quote === '' || !record.includes(quote)) return record.split(delimiter)
  const cells: string[] = []
  let at = 0
  for (;;) {
    if (record[at] === quote) {
      const end = closingQuote(record, quote, at + 1)
      if (end < 0) return undefined
      cells.push(record.slice(at + 1, end).replaceAll(quote + quote, quote))
      at = end + 1
      if (at < record.length && record[at] !== delimiter) return undefined
    } else {
      const found = record.indexOf(delimiter, at)
      const end = found < 0 ? record.length : found
      cells.push(record.slice(at, end))
      at = end
    }
    if (at >= record.length) return cells
    at++
  }
}

function closingQuote(record: string, quote: string, from: number): number {
  let at = record.indexOf(quote, from)
  while (at >= 0 && record[at + 1] === quote) at = record.indexOf(quote, at + 2)
  return at
}

const [minus, plus, point, comma, zero, nine] = [0x2d, 0x2b, 0x2e, 0x2c, 0x30, 0x39]

/**
 * Counts the numbers in a record. Most records hold only numbers in JSON's spelling (RFC 8259, section 6), and become a JSON list with
 * brackets around them. To check each character once costs a fraction of splitting.
 *
 * @returns 0 when the record holds anything else
 */
export function countNumbers(record: string): number {
  let count = 0
  for (let at = 0; ; at++) {
    if (record.charCodeAt(at) === minus) at++
    const whole = endOfDigits(record, at)
    if (whole === at || (record.charCodeAt(at) === zero && whole > at + 1)) return 0
    at = whole
    if (record.charCodeAt(at) === point) {
      const fraction = at + 1
      at = endOfDigits(record, fraction)
      if (at === fraction) return 0
    }
    if (isExponentSign(record.charCodeAt(at))) {
      at++
      const sign = record.charCodeAt(at)
      const exponent = sign === minus || sign === plus ? at + 1 : at
      at = endOfDigits(record, exponent)
      if (at === exponent) return 0
    }
    count++
    if (at === record.length) return count
    if (record.charCodeAt(at) !== comma) return 0
  }
}

/** Whether it is e or E. */
function isExponentSign(character: number): boolean {
  return character === 0x65 || character === 0x45
}

function endOfDigits(text: string, from: number): number {
  let at = from
  for (let digit = text.charCodeAt(at); digit >= zero && digit <= nine; digit = text.charCodeAt(at)) at++
  return at
}
