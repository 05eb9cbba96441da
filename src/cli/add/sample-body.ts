/** Request bodies with made-up rows, of which one is kept as the sample of a new service. */

import type { Typical } from '../../models/graph/typical-values.ts'
import type { Feeds, TensorInfo } from '../../models/session/model-session.ts'
import { candidateSizes, madeUpRow, type Spread } from '../../scripts/made-up-rows.ts'
import { joinFeeds } from '../../scripts/row-feeds.ts'
import { encode } from '../../tensor/python-json.ts'
import { splitRows } from '../../tensor/rows.ts'
import { hasRowAxis, isColumn } from '../../tensor/shape.ts'
import { Tensor } from '../../tensor/tensor.ts'

/** A request body with the tensors that it stands for. */
export interface SampleBody {
  readonly feeds: Feeds
  /** JSON text with a row on each line. */
  readonly body: string
  readonly rowCount: number
}

/** Samples with more values in a row would be files that nobody reads. */
const mostValuesPerRow = 1000

/** What the model takes, and how rows are written. */
export interface SampleSource {
  readonly inputs: readonly TensorInfo[]
  readonly typical: Typical
  /** Rows of several inputs are objects by input, as scripts of `add --script` take them. */
  readonly hasRecords: boolean
}

/**
 * Makes up bodies, the best first: two rows of typical values, then other values, sizes and numbers of rows that a model may
 * need.
 */
export function* makeBodies({ inputs, typical, hasRecords }: SampleSource): Generator<SampleBody> {
  const spreads: Spread[] = ['narrow', 'least']
  for (const rowCount of rowCounts(inputs)) {
    for (const openSize of candidateSizes(inputs)) {
      for (const spread of spreads) {
        const rows = Array.from({ length: rowCount }, (_, row) =>
          round(withTypical(madeUpRow(inputs, openSize, spread, row), typical, row)),
        )
        if (Object.values(rows[0] as Feeds).some(({ data }) => data.length > mostValuesPerRow)) continue
        const feeds = joinFeeds(rows)
        yield { feeds, body: writeBody(feeds, inputs, hasRecords), rowCount }
      }
    }
  }
}

/** A first axis with a size has that many rows. */
function rowCounts(inputs: readonly TensorInfo[]): readonly number[] {
  if (inputs.every(({ shape }) => hasRowAxis(shape))) return [2, 1]
  const fixed = inputs.flatMap(({ shape }) => (typeof shape?.[0] === 'number' && shape[0] > 0 ? [shape[0]] : []))
  return [fixed.length === inputs.length ? Math.max(1, ...fixed) : 1]
}

/** Row 0 has the means of the columns, and row 1 is a deviation away from them. */
function withTypical(row: Feeds, typical: Typical, index: number): Feeds {
  return Object.fromEntries(
    Object.entries(row).map(([name, tensor]) => {
      const columns = typical.get(name)
      if (!columns || columns.length !== tensor.data.length) return [name, tensor]
      const data = tensor.data.slice() as unknown[]
      for (const [at, { texts, mean, deviation = 0 }] of columns.entries()) {
        if (tensor.dtype === 'string' && texts.length > 0) data[at] = texts[index % texts.length]
        if (tensor.dtype === 'string' || mean === undefined || !Number.isFinite(mean)) continue
        const value = mean + index * deviation
        if (tensor.dtype.startsWith('float')) data[at] = value
        else if (tensor.dtype.endsWith('64')) data[at] = BigInt(Math.round(value))
        else data[at] = Math.round(value)
      }
      return [name, new Tensor(tensor.dtype, data as never, tensor.shape)]
    }),
  )
}

/** Three digits are easier to read, and as good. */
function round(row: Feeds): Feeds {
  return Object.fromEntries(
    Object.entries(row).map(([name, tensor]) => {
      if (!tensor.dtype.startsWith('float')) return [name, tensor]
      const data = tensor.data.slice() as Float64Array
      for (let index = 0; index < data.length; index++) data[index] = Number(data[index]?.toPrecision(3))
      return [name, new Tensor(tensor.dtype, data, tensor.shape)]
    }),
  )
}

function writeBody(feeds: Feeds, inputs: readonly TensorInfo[], hasRecords: boolean): string {
  const [only] = inputs
  if (inputs.length === 1 && only) return writeData('[]', rowTexts(feeds[only.name] as Tensor))
  if (hasRecords || inputs.every(({ shape }) => isColumn(shape))) {
    const byInput = inputs.map(({ name, shape }) => ({ name, texts: rowTexts(feeds[name] as Tensor, isColumn(shape)) }))
    const rowCount = byInput[0]?.texts.length ?? 0
    const records = Array.from({ length: rowCount }, (_, row) => {
      const members = byInput.map(({ name, texts }) => `${JSON.stringify(name)}: ${texts[row]}`)
      return `{ ${members.join(', ')} }`
    })
    return writeData('[]', records)
  }
  return writeData(
    '{}',
    inputs.map(({ name }) => `${JSON.stringify(name)}: ${encode(feeds[name])}`),
  )
}

function writeData([open, close]: '[]' | '{}' | string, lines: readonly string[]): string {
  return `{\n  "data": ${open}\n    ${lines.join(',\n    ')}\n  ${close}\n}\n`
}

/** JSON text of each row; a tensor without axes is one. */
function rowTexts(tensor: Tensor, isPlain = false): string[] {
  if (tensor.shape.length === 0) return [encode(tensor)]
  return splitRows(tensor, new Array(tensor.rowCount).fill(1)).map(({ dtype, data, shape }) =>
    encode(new Tensor(dtype, data, isPlain ? [] : shape.slice(1))),
  )
}
