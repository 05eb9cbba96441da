import type { Shape } from '../../tensor/shape.ts'
import { isWhiteSpace } from '../formats/json-lines-scanner.ts'
import { NumberText } from './number-text.ts'
import type { StraightRead } from './row-columns.ts'
import type { RowTarget } from './row-target.ts'

const [openBracket, closeBracket, comma, openBrace, closeBrace, colon] = [0x5b, 0x5d, 0x2c, 0x7b, 0x7d, 0x3a]
const [quote, backslash, firstPrintable, letterT, letterF, letterN] = [0x22, 0x5c, 0x20, 0x74, 0x66, 0x6e]

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
      at = readAxis(axis + 1, afterSpace(bytes, at + 1), row)
      if (at < 0) return -1
      at = afterSpace(bytes, at)
    }
    return bytes[at] === closeBracket ? at + 1 : -1
  }
  return (start, end, row) => {
    next = 0
    const at = readAxis(0, afterSpace(bytes, start), row)
    // A list that goes on in the next line is none of either.
    return at >= 0 && at <= end && afterSpace(bytes, at) >= end
  }
}

/**
 * Reads records whose members are in the order of `columns` into tensors.
 *
 * @param targets  for each column; undefined: it is not taken
 */
export function jsonRecords(
  bytes: Buffer,
  {
    columns,
    targets,
    missing,
  }: {
    columns: readonly string[]
    targets: readonly (RowTarget | undefined)[]
    missing: 'nan' | 'error'
  },
): StraightRead {
  const number = new NumberText(bytes)
  const keys = columns.map(name => Buffer.from(JSON.stringify(name)))

  const readText = (target: RowTarget | undefined, start: number, row: number): number => {
    const end = endOfPlainString(bytes, start)
    if (end < 0 || !target) return end
    if (target.kind !== 'string') return -1
    return target.storeText(row, bytes.toString('utf8', start + 1, end - 1), missing) ? end : -1
  }
  const readWord = (target: RowTarget | undefined, start: number, row: number): number => {
    const flag = bytes[start] === letterT ? 1 : bytes[start] === letterF ? 0 : -1
    if (flag >= 0) {
      const end = afterWord(bytes, start, flag === 1 ? trueWord : falseWord)
      if (end < 0 || !target) return end
      return target.storeFlag(row, flag === 1) ? end : -1
    }
    const end = afterMissing(bytes, start)
    if (end < 0 || (!target && bytes[start] === letterN)) return end
    if (target?.kind !== 'float' || missing !== 'nan') return -1
    target.storeMissing(row)
    return end
  }
  const readValue = (target: RowTarget | undefined, start: number, row: number): number => {
    if (bytes[start] === quote) return readText(target, start, row)
    const at = number.read(start)
    if (at < 0) return readWord(target, start, row)
    return !target || (target.kind !== 'string' && target.kind !== 'bool' && target.storeNumber(row, number.value))
      ? at
      : -1
  }
  return (start, end, row) => {
    let at = afterSpace(bytes, start)
    for (let column = 0; column < keys.length; column++) {
      if (bytes[at] !== (column === 0 ? openBrace : comma)) return false
      at = afterWord(bytes, afterSpace(bytes, at + 1), keys[column] as Buffer)
      if (at < 0) return false
      at = afterSpace(bytes, at)
      if (bytes[at] !== colon) return false
      at = readValue(targets[column], afterSpace(bytes, at + 1), row)
      if (at < 0) return false
      at = afterSpace(bytes, at)
    }
    return bytes[at] === closeBrace && at < end && afterSpace(bytes, at + 1) >= end
  }
}

function afterSpace(bytes: Buffer, start: number): number {
  let at = start
  while (isWhiteSpace(bytes[at])) at++
  return at
}

/** @returns where a string without escapes ends; -1 where there is none */
function endOfPlainString(bytes: Buffer, start: number): number {
  for (let at = start + 1; at < bytes.length; at++) {
    const byte = bytes[at] as number
    if (byte === quote) return at + 1
    if (byte === backslash || byte < firstPrintable) return -1
  }
  return -1
}

const [trueWord, falseWord] = [Buffer.from('true'), Buffer.from('false')]

/** @returns where the word ends; -1 where it does not stand */
function afterWord(bytes: Buffer, start: number, word: Buffer): number {
  for (let at = 0; at < word.length; at++) if (bytes[start + at] !== word[at]) return -1
  return start + word.length
}

const missingWords = ['null', 'NaN'].map(word => Buffer.from(word))

/** @returns where a word for a missing number ends; -1 where there is none */
function afterMissing(bytes: Buffer, start: number): number {
  for (const word of missingWords) {
    const end = afterWord(bytes, start, word)
    if (end >= 0) return end
  }
  return -1
}
