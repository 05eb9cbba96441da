import type { Feeds } from '../engine/model-session.ts'
import { ServiceLoadError } from '../errors.ts'
import { type JsonSource, parseJson } from '../tensor/json-source.ts'
import { encode } from '../tensor/python-json.ts'
import { splitRows } from '../tensor/rows.ts'
import { Tensor } from '../tensor/tensor.ts'
import { joinFeeds } from './row-feeds.ts'
import type { HeadedScript, RowScript, Script } from './script.ts'
import { splitResult } from './split-result.ts'
import { syntheticRow } from './synthetic-row.ts'

/** Milliseconds of model time that proving batchability may take, roughly. */
const proofBudgetMs = 200

/** A run without a request. */
const noHeaders = {}

/** What the warm-up found: whether rows of several requests may share a run, and what the owner should know. */
export interface WarmUp {
  readonly isBatchable: boolean
  readonly notes: readonly string[]
  /** What `run` returned for the sample, which shows what answers look like; absent when there is no sample. */
  readonly answer?: { readonly result: unknown }
}

export interface WarmUpOptions {
  /** Text of a request body. */
  readonly sample: string | undefined
  readonly maxRows: number
  /** Runs of other sizes may take other kernels, as on GPUs, so that all sizes are tried, not two. */
  readonly kernelsVary?: boolean
}

/**
 * Runs the script once, so that the first caller does not pay for it, and proves that rows together get the very
 * answers, to the bit, that they get alone. Where they do not, micro-batching is off for the service.
 *
 * @throws ServiceLoadError when the sample that the owner gave cannot be scored
 */
export async function warmUp(script: Script, options: WarmUpOptions): Promise<WarmUp> {
  if (script.kind === 'rawHttp') return { isBatchable: false, notes: [] }
  if (script.kind === 'rows') return warmUpRows(script, options)
  if (script.kind === 'headed') return warmUpHeaded(script, options)
  const { sample } = options
  if (sample === undefined) return { isBatchable: false, notes: [] }
  if (script.kind === 'raw') return withoutRows(await trySample(() => script.run(sample, noHeaders)))
  const { parameters } = parseSample(sample)
  return withoutRows(await trySample(() => script.run(script.decode(parameters), noHeaders)))
}

function withoutRows(result: unknown): WarmUp {
  return { isBatchable: false, notes: [], answer: { result } }
}

async function warmUpRows(script: RowScript, options: WarmUpOptions): Promise<WarmUp> {
  const given = options.sample === undefined ? undefined : await decodeSample(script, options.sample)
  const feeds = given ?? script.sample
  // The sample of `tensor(...)` says which type and shape is meant; `run` need not have an answer to its values.
  const answer = given ? { result: await trySample(() => script.run(given, noHeaders)) } : await tryRun(script, feeds)
  const found = answer && { answer }
  if (script.takesHeaders)
    return { isBatchable: false, notes: ['no micro-batching: run() takes the headers of its request'], ...found }
  if (!script.hasRowAxis)
    return { isBatchable: false, notes: ['no micro-batching: the model has a fixed first dimension'], ...found }
  if (options.maxRows === 1) return { isBatchable: false, notes: [], ...found }
  const rows = answer && feeds ? feeds : syntheticRow(script.inputs)
  return { ...(await proveBatchable(script, rows, options, given !== undefined)), ...found }
}

/** The rows that the first stage makes of the sample are tried as those of any other script. */
async function warmUpHeaded(script: HeadedScript, options: WarmUpOptions): Promise<WarmUp> {
  const { head } = script
  const { sample } = options
  if (sample === undefined || head.kind === 'rawHttp') {
    const why = head.kind === 'rawHttp' ? 'the first stage takes whole requests' : 'there is no sample (schema.input)'
    return { isBatchable: false, notes: [`no micro-batching: ${why}, so nothing proves that rows may be joined`] }
  }
  const input = head.kind === 'raw' ? sample : head.decode(parseSample(sample).parameters)
  const feeds = await trySample(() => script.feedsOf(input, noHeaders))
  const answer = { result: await trySample(() => script.run(feeds)) }
  if (!script.hasRowAxis)
    return { isBatchable: false, notes: ['no micro-batching: a stage takes a fixed number of rows'], answer }
  return options.maxRows === 1
    ? { isBatchable: false, notes: [], answer }
    : { ...(await proveBatchable(script, feeds, options, true)), answer }
}

async function tryRun(script: RowScript, feeds: Feeds | undefined): Promise<WarmUp['answer']> {
  if (!feeds) return undefined
  try {
    return { result: await script.run(feeds, noHeaders) }
  } catch {
    return undefined
  }
}

async function proveBatchable(
  script: Pick<RowScript, 'run'>,
  feeds: Feeds,
  { maxRows, kernelsVary = false }: WarmUpOptions,
  isSample: boolean,
): Promise<WarmUp> {
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
  for (const size of new Set([count, 2, ...(kernelsVary ? sizesUpTo(maxRows) : [])])) {
    const company = Array.from({ length: size }, (_, index) => rows[index % count] as Feeds)
    const together = await script.run(joinFeeds(company), noHeaders)
    const parts = splitResult(together, new Array(size).fill(1))
    if (!parts) return off('the answer does not have one entry per row')
    if (parts.some((part, index) => encode(part, 'literal') !== alone[index % count]))
      return off('a row is answered differently in company than alone')
  }
  return { isBatchable: true, notes: [] }
}

/** 4, 8, 16, …, and `maxRows`: where libraries for GPUs change from one kernel to another. */
function sizesUpTo(maxRows: number): number[] {
  const sizes: number[] = []
  for (let size = 4; size < maxRows; size *= 2) sizes.push(size)
  return [...sizes, maxRows]
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

async function decodeSample(script: RowScript, text: string): Promise<Feeds> {
  const sample = parseSample(text)
  return trySample(() => script.decode(sample.parameters, sample))
}

function parseSample(text: string): JsonSource & { readonly parameters: Record<string, unknown> } {
  try {
    const json = parseJson(text, false)
    return { ...json, parameters: json.value as Record<string, unknown> }
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
