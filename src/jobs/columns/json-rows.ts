import type { Shape } from '../../tensor/shape.ts'
import { isWhiteSpace } from '../formats/json-lines-scanner.ts'
import { NumberText } from './number-text.ts'
import type { StraightRead } from './row-columns.ts'
import type { RowTarget } from './row-target.ts'

const [openBracket, closeBracket, comma] = [0x5b, 0x5d, 0x2c]

/**
 * Reads lists of numbers, nested as the row of a tensor, into that tensor.
 *
 * @param targets  for each element of the row
 * @param shape  of the row: [] for a plain number
 */
export function jsonRows(
  bytes: Buffer,
  { targets, shape, missing }: { targets: readonly RowTarget[]; shape: Shape; missing: 'nan' | 'error' },
): StraightRead {
  const number = new NumberText(bytes)
  const takesMissing = missing === 'nan' && targets[0]?.kind === 'float'
  let next = 0

  const afterSpace = (start: number): number => {
    let at = start
    while (isWhiteSpace(bytes[at])) at++
    return at
  }
  const readElement = (start: number, row: number): number => {
    const target = targets[next++] as RowTarget
    const at = number.read(start)
    if (at >= 0) return target.storeNumber(row, number.value) ? at : -1
    const end = takesMissing ? afterMissing(bytes, start) : -1
    if (end >= 0) target.storeMissing(row)
    return end
  }
  /** @returns where the value ends; -1 where it is no list of numbers of this shape */
  const readAxis = (axis: number, start: number, row: number): number => {
    if (axis === shape.length) return readElement(start, row)
    if (bytes[start] !== openBracket) return -1
    const size = shape[axis] as number
    let at = start
    for (let index = 0; index < size; index++) {
      if (index > 0 && bytes[at] !== comma) return -1
      at = readAxis(axis + 1, afterSpace(at + 1), row)
      if (at < 0) return -1
      at = afterSpace(at)
    }
    return bytes[at] === closeBracket ? at + 1 : -1
  }
  return (start, end, row) => {
    next = 0
    const at = readAxis(0, afterSpace(start), row)
    // A list that goes on in the next line is none of either.
    return at >= 0 && at <= end && afterSpace(at) >= end
  }
}

const missingWords = ['null', 'NaN'].map(word => Buffer.from(word))

/** @returns where a word for a missing number ends; -1 where there is none */
function afterMissing(bytes: Buffer, start: number): number {
  for (const word of missingWords) {
    const end = start + word.length
    if (end <= bytes.length && bytes.compare(word, 0, word.length, start, end) === 0) return end
  }
  return -1
}
