/** Decodes rows of a single input whose values have names. */

import { ScoringError, ServiceLoadError } from '../errors.ts'
import type { TensorInfo } from '../models/session/model-session.ts'
import { decodeNested, type NonFiniteInput } from '../tensor/nested.ts'
import { isByRow } from '../tensor/shape.ts'
import { Tensor } from '../tensor/tensor.ts'
import { readTable, type Table } from './table.ts'

/**
 * Decodes rows whose values come by name.
 *
 * @param columns  names of the values of a row, as many as the input takes (`checkColumns`)
 * @returns a tensor of the input's shape
 * @throws ScoringError as `readTable` and `decodeNested`
 */
export function decodeNamedValues(
  { where, data: table }: Table,
  { input, columns: names }: { readonly input: TensorInfo; readonly columns: readonly string[] },
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
 * Returns the shape of a row of this many values; one open dimension gets what the others leave.
 *
 * @returns undefined when no shape fits
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
 * Checks `input.columns` of service.json against the model's inputs.
 *
 * @throws ServiceLoadError when a row has another number of values than there are names
 */
export function checkColumns(inputs: readonly TensorInfo[], columns: readonly string[] | undefined): void {
  const [only] = inputs
  if (!columns || !only) return
  if (inputs.length > 1) {
    const names = inputs.map(({ name }) => `"${name}"`).join(', ')
    throw new ServiceLoadError(
      `input.columns is for models with one input; this model's columns are its inputs ${names}`,
    )
  }
  if ((!only.shape || isByRow(only.shape)) && innerShape(only, columns.length)) return
  const shape = `[${only.shape?.join(', ')}]`
  throw new ServiceLoadError(
    `input.columns has ${columns.length} names, which does not match the number of values per row of "${only.name}", shape ${shape}`,
  )
}
