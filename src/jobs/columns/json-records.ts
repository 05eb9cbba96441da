import { afterMissing, afterSpace, afterWord } from './json-words.ts'
import { NumberText } from './number-text.ts'
import type { StraightRead } from './row-columns.ts'
import type { RowTarget } from './row-target.ts'

const [comma, openBrace, closeBrace, colon] = [0x2c, 0x7b, 0x7d, 0x3a]
const [quote, backslash, firstPrintable, letterT, letterF, letterN] = [0x22, 0x5c, 0x20, 0x74, 0x66, 0x6e]
const [trueWord, falseWord] = [Buffer.from('true'), Buffer.from('false')]

interface RecordOptions {
  readonly columns: readonly string[]
  /** For each column; undefined: it is not taken. */
  readonly targets: readonly (RowTarget | undefined)[]
  readonly missing: 'nan' | 'error'
}

/** Reads records whose members are in the order of `columns` into tensors. */
export function jsonRecords(bytes: Buffer, options: RecordOptions): StraightRead {
  const reader = new JsonRecordReader(bytes, options)
  return (start, end, row) => reader.read(start, end, row)
}

/** A class, for the reason of the one in `json-rows.ts`. */
class JsonRecordReader {
  readonly #bytes: Buffer
  readonly #keys: readonly Buffer[]
  readonly #targets: readonly (RowTarget | undefined)[]
  readonly #missing: 'nan' | 'error'
  readonly #number: NumberText

  constructor(bytes: Buffer, { columns, targets, missing }: RecordOptions) {
    this.#bytes = bytes
    this.#keys = columns.map(name => Buffer.from(JSON.stringify(name)))
    this.#targets = targets
    this.#missing = missing
    this.#number = new NumberText(bytes)
  }

  read(start: number, end: number, row: number): boolean {
    const bytes = this.#bytes
    const keys = this.#keys
    let at = afterSpace(bytes, start)
    for (let column = 0; column < keys.length; column++) {
      if (bytes[at] !== (column === 0 ? openBrace : comma)) return false
      at = afterWord(bytes, afterSpace(bytes, at + 1), keys[column] as Buffer)
      if (at < 0) return false
      at = afterSpace(bytes, at)
      if (bytes[at] !== colon) return false
      at = this.#readValue(this.#targets[column], afterSpace(bytes, at + 1), row)
      if (at < 0) return false
      at = afterSpace(bytes, at)
    }
    return bytes[at] === closeBrace && at < end && afterSpace(bytes, at + 1) >= end
  }

  /** @returns where the value ends; -1 where it was not stored */
  #readValue(target: RowTarget | undefined, start: number, row: number): number {
    if (this.#bytes[start] === quote) return this.#readText(target, start, row)
    const number = this.#number
    const at = number.read(start)
    if (at < 0) return this.#readWord(target, start, row)
    if (!target) return at
    const isStored = target.kind !== 'string' && target.kind !== 'bool' && target.storeNumber(row, number.value)
    return isStored ? at : -1
  }

  #readText(target: RowTarget | undefined, start: number, row: number): number {
    const bytes = this.#bytes
    const end = endOfPlainString(bytes, start)
    if (end < 0 || !target) return end
    if (target.kind !== 'string') return -1
    return target.storeText(row, bytes.toString('utf8', start + 1, end - 1), {}) ? end : -1
  }

  #readWord(target: RowTarget | undefined, start: number, row: number): number {
    const bytes = this.#bytes
    const flag = bytes[start] === letterT ? 1 : bytes[start] === letterF ? 0 : -1
    if (flag >= 0) {
      const end = afterWord(bytes, start, flag === 1 ? trueWord : falseWord)
      if (end < 0 || !target) return end
      return target.storeFlag(row, flag === 1) ? end : -1
    }
    const end = afterMissing(bytes, start)
    if (end < 0 || (!target && (bytes[start] === letterN || this.#missing === 'nan'))) return end
    if (target?.kind !== 'float' || this.#missing !== 'nan') return -1
    target.storeMissing(row)
    return end
  }
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
