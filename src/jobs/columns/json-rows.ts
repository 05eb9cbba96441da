import type { Shape } from '../../tensor/shape.ts'
import { afterMissing, afterSpace } from './json-words.ts'
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
  const reader = new JsonRowReader(bytes, targets, shape, missing === 'nan' && targets[0]?.kind === 'float')
  return (start, end, row) => reader.read(start, end, row)
}

/** A class, because a closure for each text would be a call that the compiler does not know. */
class JsonRowReader {
  readonly #bytes: Buffer
  readonly #targets: readonly RowTarget[]
  readonly #depth: number
  /** For each element of a row, how many lists end before it, and begin anew. */
  readonly #brackets: Uint8Array
  readonly #number: NumberText
  readonly #takesMissing: boolean

  constructor(bytes: Buffer, targets: readonly RowTarget[], shape: Shape, takesMissing: boolean) {
    this.#bytes = bytes
    this.#targets = targets
    this.#depth = shape.length
    this.#brackets = bracketsBefore(shape)
    this.#number = new NumberText(bytes)
    this.#takesMissing = takesMissing
  }

  read(start: number, end: number, row: number): boolean {
    const targets = this.#targets
    let at = this.#afterBrackets(openBracket, this.#depth, start)
    for (let index = 0; index < targets.length; index++) {
      if (index > 0) at = this.#afterComma(this.#brackets[index] as number, at)
      if (at < 0) return false
      at = this.#readElement(targets[index] as RowTarget, afterSpace(this.#bytes, at), row)
      if (at < 0) return false
    }
    at = this.#afterBrackets(closeBracket, this.#depth, at)
    // A list that goes on in the next line is none of either.
    return at >= 0 && at <= end && afterSpace(this.#bytes, at) >= end
  }

  /** Passes what stands between two elements. @returns where that ends; -1 where something else stands there */
  #afterComma(brackets: number, start: number): number {
    const closed = brackets > 0 ? this.#afterBrackets(closeBracket, brackets, start) : start
    if (closed < 0) return -1
    const at = afterSpace(this.#bytes, closed)
    if (this.#bytes[at] !== comma) return -1
    return brackets > 0 ? this.#afterBrackets(openBracket, brackets, at + 1) : at + 1
  }

  /** @returns where the number ends; -1 where there is none that the tensor takes */
  #readElement(target: RowTarget, start: number, row: number): number {
    const number = this.#number
    const at = number.read(start)
    if (at >= 0) return target.storeNumber(row, number.value) ? at : -1
    const end = this.#takesMissing ? afterMissing(this.#bytes, start) : -1
    if (end >= 0) target.storeMissing(row)
    return end
  }

  /** @returns where so many brackets end; -1 where others or none stand there */
  #afterBrackets(bracket: number, count: number, start: number): number {
    let at = start
    for (let left = count; left > 0; left--) {
      at = afterSpace(this.#bytes, at)
      if (this.#bytes[at] !== bracket) return -1
      at++
    }
    return at
  }
}

function bracketsBefore(shape: Shape): Uint8Array {
  const count = shape.reduce((product, size) => product * size, 1)
  const brackets = new Uint8Array(count)
  let size = 1
  for (const length of shape.slice(1).reverse()) {
    size *= length
    for (let index = size; index < count; index += size) brackets[index] = (brackets[index] as number) + 1
  }
  return brackets
}
