import { isAscii } from 'node:buffer'
import { type CsvDialect, dialectBytes, MissingTexts, usualMissing } from '../csv-dialect.ts'
import { NumberText } from './number-text.ts'
import type { StraightRead } from './row-columns.ts'
import type { RowTarget } from './row-target.ts'

const [space, carriageReturn] = [0x20, 0x0d]

/**
 * Reads records of a CSV into tensors.
 *
 * @param targets  for each column of the file; undefined: the column is not taken
 */
export function csvRows(
  bytes: Buffer,
  targets: readonly (RowTarget | undefined)[],
  { missing, dialect = {} }: { missing: 'nan' | 'error'; dialect?: CsvDialect | undefined },
): StraightRead {
  const { delimiter, quote } = dialectBytes(dialect)
  const na = dialect.na ? new MissingTexts(dialect.na) : usualMissing
  const reading = { missing, na }
  const mayBeMissing = na.hasNumbers
  const number = new NumberText(bytes)
  const hasOnlyAscii = isAscii(bytes)
  const last = targets.length - 1

  const text = (start: number, end: number) => bytes.toString(hasOnlyAscii ? 'latin1' : 'utf8', start, end)
  /** @returns the end of the cell */
  const cellEnd = (start: number, end: number): number => {
    let at = start
    while (at < end && bytes[at] !== delimiter) at++
    return at
  }
  /** @returns the end of a cell that was stored; -1 where it was not */
  const readText = (target: RowTarget | undefined, start: number, end: number, row: number): number => {
    if (bytes[start] !== quote || start === end) {
      const at = cellEnd(start, end)
      return !target || target.storeText(row, text(start, at), reading) ? at : -1
    }
    const closing = bytes.indexOf(quote, start + 1)
    const next = closing + 1
    // Doubled quotes, and what is no CSV.
    if (closing < 0 || closing >= end || (next < end && bytes[next] !== delimiter)) return -1
    return !target || target.storeText(row, text(start + 1, closing), reading) ? next : -1
  }
  const readCell = (target: RowTarget | undefined, start: number, end: number, row: number): number => {
    if (!target || target.kind === 'string' || target.kind === 'bool') return readText(target, start, end, row)
    let at = start
    while (bytes[at] === space) at++
    at = number.read(at)
    if (at < 0) return readText(target, start, end, row)
    while (bytes[at] === space) at++
    if (at !== end && bytes[at] !== delimiter) return readText(target, start, end, row)
    if (mayBeMissing && na.hasNumber(number.value)) return readText(target, start, end, row)
    return target.storeNumber(row, number.value) ? at : -1
  }
  return (start, recordEnd, row) => {
    const end = bytes[recordEnd - 1] === carriageReturn ? recordEnd - 1 : recordEnd
    let at = start
    for (let column = 0; column <= last; column++) {
      at = readCell(targets[column], at, end, row)
      if (at < 0) return false
      if (column === last) break
      if (at >= end) return false
      at++
    }
    return at === end
  }
}
