import type { Feeds, TensorInfo } from '../engine/model-session.ts'
import { ServiceLoadError } from '../errors.ts'
import { allocate, type Dtype } from '../tensor/dtype.ts'
import { encode, type NonFinite } from '../tensor/python-json.ts'
import { splitRows } from '../tensor/rows.ts'
import { elementCount } from '../tensor/shape.ts'
import { Tensor } from '../tensor/tensor.ts'
import { joinFeeds } from './row-feeds.ts'
import type { RowScript, Script } from './script.ts'
import { splitResult } from './split-result.ts'

/** Milliseconds of model time that proving batchability may take, roughly. */
const proofBudgetMs = 200

/** A run without a request. */
const noHeaders = {}

/** What the warm-up found: whether rows of several requests may share a run, and what the owner should know. */
export interface WarmUp {
  readonly isBatchable: boolean
  readonly notes: readonly string[]
}

/**
 * Runs the script once, so that the first caller does not pay for it, and proves that rows together get the very
 * answers, to the bit, that they get alone. Where they do not, micro-batching is off for the service.
 *
 * @throws ServiceLoadError when the sample that the owner gave cannot be scored
 */
export async function warmUp(
  script: Script,
  options: { sample: string | undefined; maxRows: number; nonFinite: NonFinite },
): Promise<WarmUp> {
  if (script.kind === 'raw') {
    if (options.sample !== undefined) await trySample(() => script.run(options.sample as string, noHeaders))
    return { isBatchable: false, notes: [] }
  }
  if (script.kind === 'rawHttp') return { isBatchable: false, notes: [] }
  const sample = options.sample === undefined ? undefined : parseSample(options.sample)
  if (script.kind === 'object') {
    if (sample) await trySample(() => script.run(script.decode(sample), noHeaders))
    return { isBatchable: false, notes: [] }
  }
  const feeds = sample ? await trySample(() => script.decode(sample)) : undefined
  if (feeds) await trySample(() => script.run(feeds, noHeaders))
  if (script.takesHeaders)
    return { isBatchable: false, notes: ['no micro-batching: run() takes the headers of its request'] }
  if (!script.hasRowAxis)
    return { isBatchable: false, notes: ['no micro-batching: the model has a fixed first dimension'] }
  if (options.maxRows === 1) return { isBatchable: false, notes: [] }
  return proveBatchable(script, feeds ?? syntheticRow(script.inputs), options.maxRows, feeds !== undefined)
}

async function proveBatchable(script: RowScript, feeds: Feeds, maxRows: number, isSample: boolean): Promise<WarmUp> {
  const off = (why: string): WarmUp => ({ isBatchable: false, notes: [`no micro-batching: ${why}`] })
  const startedAt = performance.now()
  const [row] = rowsOf(feeds)
  if (!row) return off('the sample has no row to try it with')
  try {
    await script.run(row, noHeaders)
  } catch (cause) {
    // Without a sample only the declared types are known, and made-up values need not suit the model.
    if (!isSample) return off('made-up rows cannot be scored; give a sample (schema.input)')
    throw cause
  }
  const runMs = performance.now() - startedAt
  const count = Math.max(3, Math.min(maxRows, Math.floor(proofBudgetMs / (2 * Math.max(runMs, 0.01)))))
  const rows = vary(rowsOf(feeds), count)
  const alone: string[] = []
  for (const each of rows) alone.push(encode(await script.run(each, noHeaders), 'literal'))
  // Together as one run, and as runs of unlike sizes: an answer that ignores the rows would pass only one of them.
  for (const size of new Set([count, 2])) {
    const together = await script.run(joinFeeds(rows.slice(0, size)), noHeaders)
    const parts = splitResult(together, new Array(size).fill(1))
    if (!parts) return off('the answer does not have one entry per row')
    if (parts.some((part, index) => encode(part, 'literal') !== alone[index]))
      return off('a row is answered differently in company than alone')
  }
  return { isBatchable: true, notes: [] }
}

function rowsOf(feeds: Feeds): Feeds[] {
  const rows: Record<string, Tensor>[] = []
  for (const [name, tensor] of Object.entries(feeds)) {
    for (const [index, row] of splitRows(tensor, new Array(tensor.rowCount).fill(1)).entries()) {
      rows[index] ??= {}
      ;(rows[index] as Record<string, Tensor>)[name] = row
    }
  }
  return rows
}

/** `count` rows in turn from the ones there are; floating-point ones shifted a little, so that no two are alike. */
function vary(rows: readonly Feeds[], count: number): Feeds[] {
  return Array.from({ length: count }, (_, index) => {
    const row = rows[index % rows.length] as Feeds
    return Object.fromEntries(Object.entries(row).map(([name, tensor]) => [name, shifted(tensor, index)]))
  })
}

function shifted(tensor: Tensor, step: number): Tensor {
  if (tensor.dtype !== 'float32' && tensor.dtype !== 'float64') return tensor
  const data = tensor.data.slice() as Float32Array
  for (let index = 0; index < data.length; index++) data[index] = (data[index] as number) * (1 + step / 1024)
  return new Tensor(tensor.dtype, data, tensor.shape)
}

function syntheticRow(inputs: readonly TensorInfo[]): Feeds {
  return Object.fromEntries(
    inputs.map(({ name, dtype, shape }) => {
      const sizes = shape.map(size => (typeof size === 'number' && size > 0 ? size : 1))
      return [name, new Tensor(dtype, syntheticValues(dtype, elementCount(sizes)), sizes)]
    }),
  )
}

/** Fractions for floats, 0 and 1 in turn for integers (safe as indices), empty strings. */
function syntheticValues(dtype: Dtype, length: number): Tensor['data'] {
  const values = allocate(dtype, length)
  if (dtype === 'string') return (values as string[]).fill('')
  const isBig = dtype === 'int64' || dtype === 'uint64'
  const isFloat = dtype.startsWith('float')
  for (let index = 0; index < length; index++) {
    const value = isFloat ? ((index * 37) % 101) / 101 : index % 2
    ;(values as unknown[])[index] = isBig ? BigInt(value) : value
  }
  return values
}

function parseSample(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>
  } catch {
    throw new ServiceLoadError('the sample (schema.input) is not JSON')
  }
}

async function trySample<T>(attempt: () => T | Promise<T>): Promise<T> {
  try {
    return await attempt()
  } catch (cause) {
    throw new ServiceLoadError(`the sample (schema.input) cannot be scored: ${(cause as Error)?.message ?? cause}`, {
      cause,
    })
  }
}
