/** A single input that takes several values a row, which have names. */

import { ScoringError, ServiceLoadError } from '../errors.ts'
import type { TensorInfo } from '../models/session/model-session.ts'
import { decodeNested, type NonFiniteInput } from '../tensor/nested.ts'
import { isByRow } from '../tensor/shape.ts'
import { Tensor } from '../tensor/tensor.ts'
import { readTable } from './table.ts'

/**
 * Rows whose values come by name.
 *
 * @param where  what to call `table` in messages
 * @param names  those of the values of a row, which the input can have (`checkColumns`)
 * @returns the input's shape
 * @throws ScoringError as `readTable` and `decodeNested`
 */
export function decodeNamedValues(
  where: string,
  table: unknown,
  input: TensorInfo,
  names: readonly string[],
  takes: NonFiniteInput,
): Tensor {
  const columns = [...readTable(where, table, { names, isPlain: true })] as [string, unknown[]][]
  const [[firstName, first]] = columns as [[string, unknown[]]]
  for (const [name, { length }] of columns) {
    if (length !== first.length) {
      const lengths = `"${name}" has ${length} values, "${firstName}" has ${first.length}`
      throw new ScoringError('INPUT_RAGGED', `${lengths}: columns must be equally long`)
    }
  }
  const rows = first.map((_, row) => columns.map(([, values]) => values[row]))
  const { name, dtype } = input
  const { data } = decodeNested(rows, { name, dtype, shape: ['rows', names.length], takes })
  return new Tensor(dtype, data, [rows.length, ...(innerShape(input, names.length) as number[])])
}

/**
 * The shape of a row of so many values. One open dimension takes what the others leave it.
 *
 * @returns undefined: there is none
 */
function innerShape({ shape }: TensorInfo, count: number): number[] | undefined {
  if (!shape) return [count]
  const inner = shape.slice(1)
  const fixed = inner.reduce<number>((product, size) => (isFixed(size) ? product * size : product), 1)
  const open = inner.filter(size => !isFixed(size)).length
  if (open > 1 || (open === 0 ? fixed !== count : count % fixed !== 0)) return undefined
  return inner.map(size => (isFixed(size) ? size : count / fixed))
}

function isFixed(size: number | string): size is number {
  return typeof size === 'number' && size >= 0
}

/**
 * @param columns  the names that the owner gives to the values of a row
 * @throws ServiceLoadError when a row has other values than those
 */
export function checkColumns(inputs: readonly TensorInfo[], columns: readonly string[] | undefined): void {
  const [only] = inputs
  if (!columns || !only) return
  if (inputs.length > 1) {
    const names = inputs.map(({ name }) => `"${name}"`).join(', ')
    throw new ServiceLoadError(`input.columns is for models with one input; the columns of this one are ${names}`)
  }
  if ((!only.shape || isByRow(only.shape)) && innerShape(only, columns.length)) return
  const shape = `[${only.shape?.join(', ')}]`
  throw new ServiceLoadError(
    `input.columns has ${columns.length} names, which are not the values of a row of "${only.name}", shape ${shape}`,
  )
}
