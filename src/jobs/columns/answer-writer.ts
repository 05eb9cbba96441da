import type { NonFinite } from '../../tensor/python-json-elements.ts'
import { encodeString } from '../../tensor/python-json-elements.ts'
import { Tensor } from '../../tensor/tensor.ts'
import { elementWriter, type LineBytes } from './line-bytes.ts'

/** Writes the answers of rows as JSON, from the tensors of a run. */
export interface AnswerWriter {
  /** Answers have texts in quotes, or names. */
  readonly hasQuotes: boolean
  readonly hasCommas: boolean
  /** Writes the answer of the next row. */
  writeNext(bytes: LineBytes): void
}

/**
 * @param result  of a run, for `rowCount` rows
 * @returns undefined when it is neither a tensor nor an object of tensors that have an entry for each row
 */
export function answerWriter(result: unknown, rowCount: number, nonFinite: NonFinite): AnswerWriter | undefined {
  if (result instanceof Tensor) {
    if (!isByRow(result, rowCount)) return undefined
    return tensorWriter(result, ['', ''], nonFinite)
  }
  const members = tensorMembers(result)
  if (!members?.every(([, tensor]) => isByRow(tensor, rowCount))) return undefined
  const writers = members.map(([name, tensor], index) => {
    const before = `${index === 0 ? '{' : ', '}${JSON.stringify(name)}: `
    return tensorWriter(tensor, [before, index === members.length - 1 ? '}' : ''], nonFinite)
  })
  return {
    hasQuotes: true,
    hasCommas: writers.length > 1 || writers[0]?.hasCommas === true,
    writeNext: bytes => {
      for (const { writeNext } of writers) writeNext(bytes)
    },
  }
}

function isByRow({ shape, classes }: Tensor, rowCount: number): boolean {
  return shape[0] === rowCount && !(classes && shape.length === 1)
}

/** @returns undefined when the result is anything else than an object of tensors by name */
function tensorMembers(result: unknown): [name: string, tensor: Tensor][] | undefined {
  if (typeof result !== 'object' || result === null || Object.getPrototypeOf(result) !== Object.prototype)
    return undefined
  if ('toJSON' in result || 'rawJSON' in result) return undefined
  const members = Object.entries(result)
  return members.length > 0 && members.every(([, member]) => member instanceof Tensor) ? members : undefined
}

/** @param around  what stands before and behind the entry of each row */
function tensorWriter(tensor: Tensor, around: readonly [string, string], nonFinite: NonFinite): AnswerWriter {
  const { dtype, data } = tensor
  const write = elementWriter(dtype, nonFinite)
  const [before, last] = punctuation(tensor)
  const width = before.length
  const starts = before.map((text, index) => Buffer.from(index === 0 ? around[0] + text : text))
  const end = Buffer.from((width === 0 ? around[0] : '') + last + around[1])
  let next = 0
  return {
    hasQuotes: dtype === 'string' || tensor.classes !== undefined,
    hasCommas: [...before, last].some(text => text.includes(',')),
    writeNext: bytes => {
      for (let index = 0; index < width; index++) {
        bytes.literal(starts[index] as Buffer)
        write(bytes, data[next++] as never)
      }
      bytes.literal(end)
    },
  }
}

/** @returns what stands before each element of a row, and behind the last one */
function punctuation({ shape, classes }: Tensor): [before: string[], last: string] {
  const keys = classes?.map(encodeString)
  const before: string[] = []
  let pending = ''
  const walk = (axis: number) => {
    if (axis === shape.length) {
      before.push(pending)
      pending = ''
      return
    }
    const isNamed = keys !== undefined && axis === shape.length - 1
    pending += isNamed ? '{' : '['
    for (let index = 0; index < (shape[axis] as number); index++) {
      if (index > 0) pending += ', '
      if (isNamed) pending += `${keys[index]}: `
      walk(axis + 1)
    }
    pending += isNamed ? '}' : ']'
  }
  walk(1)
  return [before, pending]
}
