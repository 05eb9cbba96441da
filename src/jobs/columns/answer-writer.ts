import type { NonFinite } from '../../tensor/python-json-elements.ts'
import { encodeString } from '../../tensor/python-json-elements.ts'
import { Tensor } from '../../tensor/tensor.ts'
import { type LineForm, type PredictionPart, wholePrediction } from '../line-form.ts'
import { quoted } from '../output/result-lines.ts'
import { elementWriter, type LineBytes } from './line-bytes.ts'

/** Writes the answer of the next row, from the tensors of a run. */
export type AnswerWriter = (bytes: LineBytes) => void

/**
 * @param result  of a run, for `rowCount` rows
 * @returns undefined when that is neither a tensor nor an object of tensors that have an entry for each row, or takes more than to
 *          write numbers
 */
export function answerWriter(
  result: unknown,
  rowCount: number,
  { form, nonFinite }: { readonly form: LineForm; readonly nonFinite: NonFinite },
): AnswerWriter | undefined {
  const members = result instanceof Tensor ? undefined : tensorMembers(result)
  if (!members && !(result instanceof Tensor)) return undefined
  const tensors = members ? [...members.values()] : [result as Tensor]
  if (!tensors.every(tensor => isByRow(tensor, rowCount))) return undefined
  const answer = members ?? (result as Tensor)
  const writers =
    form.format === 'jsonl' ? jsonWriters(answer, { form, nonFinite }) : cellWriters(answer, { form, nonFinite })
  if (!writers) return undefined
  return bytes => {
    for (const write of writers) write(bytes)
  }
}

function isByRow({ shape, classes }: Tensor, rowCount: number): boolean {
  return shape[0] === rowCount && !(classes && shape.length === 1)
}

/** @returns undefined when the result is anything else than an object of tensors by name */
function tensorMembers(result: unknown): Map<string, Tensor> | undefined {
  if (typeof result !== 'object' || result === null || Object.getPrototypeOf(result) !== Object.prototype)
    return undefined
  if ('toJSON' in result || 'rawJSON' in result) return undefined
  const members = Object.entries(result)
  return members.length > 0 && members.every(([, member]) => member instanceof Tensor) ? new Map(members) : undefined
}

interface WriterOptions {
  readonly form: LineForm
  readonly nonFinite: NonFinite
}

function jsonWriters(
  result: Tensor | ReadonlyMap<string, Tensor>,
  { form: { members }, nonFinite }: WriterOptions,
): AnswerWriter[] {
  if (result instanceof Tensor) return [jsonWriter(result, ['', ''], nonFinite)]
  const kept = [...result].filter(([name]) => members?.includes(name) !== false)
  if (members) kept.sort(([one], [other]) => members.indexOf(one) - members.indexOf(other))
  if (kept.length === 0) return [bytes => bytes.text('{}')]
  return kept.map(([name, tensor], index) => {
    const before = `${index === 0 ? '{' : ', '}${JSON.stringify(name)}: `
    return jsonWriter(tensor, [before, index === kept.length - 1 ? '}' : ''], nonFinite)
  })
}

/** @returns undefined when texts have to be quoted inside a cell, or the tensors are not those of the parts */
function cellWriters(
  result: Tensor | ReadonlyMap<string, Tensor>,
  { form: { parts = [wholePrediction] }, nonFinite }: WriterOptions,
): AnswerWriter[] | undefined {
  const writers: AnswerWriter[] = []
  for (const [at, part] of parts.entries()) {
    const tensor = findTensor(result, part)
    const write = tensor && cellWriter(tensor, part, nonFinite)
    if (!write) return undefined
    if (at > 0) writers.push(bytes => bytes.literal(comma))
    writers.push(write)
  }
  return writers
}

const comma = Buffer.from(',')

function findTensor(result: Tensor | ReadonlyMap<string, Tensor>, { member }: PredictionPart): Tensor | undefined {
  if (result instanceof Tensor) return member === undefined ? result : undefined
  return member === undefined ? undefined : result.get(member)
}

function cellWriter(
  tensor: Tensor,
  { columns, isWhole }: PredictionPart,
  nonFinite: NonFinite,
): AnswerWriter | undefined {
  const { dtype, data, shape, classes } = tensor
  if (isWhole) {
    if (dtype === 'string' || classes) return undefined
    const width = shape.slice(1).reduce((product, size) => product * size, 1)
    const quote = width > 1 ? '"' : ''
    return jsonWriter(tensor, [quote, quote], nonFinite)
  }
  const width = columns.length
  if (data.length !== width * (shape[0] as number)) return undefined
  const write = elementWriter(dtype, nonFinite)
  const texts = dtype === 'string' ? (data as readonly string[]) : undefined
  let next = 0
  return bytes => {
    for (let index = 0; index < width; index++) {
      if (index > 0) bytes.literal(comma)
      if (texts) bytes.text(quoted(texts[next++] as string))
      else write(bytes, data[next++] as never)
    }
  }
}

/** @param around  what stands before and behind the entry of each row */
function jsonWriter(tensor: Tensor, around: readonly [string, string], nonFinite: NonFinite): AnswerWriter {
  const { dtype, data } = tensor
  const write = elementWriter(dtype, nonFinite)
  const [before, last] = punctuation(tensor)
  const width = before.length
  const starts = before.map((text, index) => Buffer.from(index === 0 ? around[0] + text : text))
  const end = Buffer.from((width === 0 ? around[0] : '') + last + around[1])
  let next = 0
  return bytes => {
    for (let index = 0; index < width; index++) {
      bytes.literal(starts[index] as Buffer)
      write(bytes, data[next++] as never)
    }
    bytes.literal(end)
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
