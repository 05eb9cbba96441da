import { ServiceLoadError } from '../errors.ts'
import type { Feeds, TensorInfo } from '../models/session/model-session.ts'
import { type JsonSource, parseJson } from '../tensor/json-source.ts'
import { encode } from '../tensor/python-json.ts'
import { joinFeeds } from './row-feeds.ts'
import { alone, type RowAxes, type RowSharing } from './row-sharing.ts'
import { areSameAnswers, saysSomething } from './same-answers.ts'
import type { HeadedScript, RowScript, Script } from './script.ts'
import { splitResult } from './split-result.ts'
import { madeUpRow, openSizesOf, type Sample, type Spread, sampleOf, spreads, variedRow } from './unlike-rows.ts'

/** Milliseconds of model time that trying rows together may take, roughly. */
const trialBudgetMs = 200

/** A run without a request. */
const noHeaders = {}

/** What the warm-up found. */
export interface WarmUp {
  /** That of the script, or why rows run alone all the same. */
  readonly sharing: RowSharing
  /** What `run` returned for the sample, which shows what answers look like; absent when there is no sample. */
  readonly answer?: { readonly result: unknown }
}

interface WarmUpOptions {
  /** Text of a request body. */
  readonly sample: string | undefined
  readonly maxRows: number
  /** Rows share runs only where they get the same bits as alone. */
  readonly isExact?: boolean
  /** Runs of other sizes may take other kernels, as on GPUs, so that all sizes are tried, not a few. */
  readonly kernelsVary?: boolean
}

/**
 * Runs the script once, so that the first caller does not pay for it. Where its rows may share runs, by the graph or by
 * its owner's word, it then runs unlike rows alone and together: what differs by more than rounding (with `isExact`, at
 * all) turns that off. No trial shows that rows are independent, so that none turns it on.
 *
 * @throws ServiceLoadError when the sample that the owner gave cannot be scored
 */
export async function warmUp(script: Script, options: WarmUpOptions): Promise<WarmUp> {
  if (script.kind === 'rawHttp') return { sharing: alone() }
  if (script.kind === 'rows') return warmUpRows(script, options)
  if (script.kind === 'headed') return warmUpHeaded(script, options)
  const { sample } = options
  if (sample === undefined) return { sharing: alone() }
  if (script.kind === 'raw') return withoutRows(await trySample(() => script.run(sample, noHeaders)))
  const { parameters } = parseSample(sample)
  return withoutRows(await trySample(() => script.run(script.decode(parameters), noHeaders)))
}

function withoutRows(result: unknown): WarmUp {
  return { sharing: alone(), answer: { result } }
}

async function warmUpRows(script: RowScript, options: WarmUpOptions): Promise<WarmUp> {
  const given = options.sample === undefined ? undefined : await decodeSample(script, options.sample)
  const feeds = given ?? script.sample
  // The sample of `tensor(...)` says which type and shape is meant; `run` need not have an answer to its values.
  const answer = given ? { result: await trySample(() => script.run(given, noHeaders)) } : await tryRun(script, feeds)
  const run = (rows: Feeds) => script.run(rows, noHeaders)
  const sample = answer && feeds && sampleOf(feeds)
  const sharing = await sharingFound({ run, sharing: script.sharing, sample, inputs: script.inputs }, options)
  return { sharing, ...(answer && { answer }) }
}

/** The rows that the first stage makes of the sample are tried as those of any other script. */
async function warmUpHeaded(script: HeadedScript, options: WarmUpOptions): Promise<WarmUp> {
  const { head } = script
  const { sample } = options
  const rows = { run: (feeds: Feeds) => script.run(feeds), sharing: script.sharing, inputs: script.inputs }
  if (sample === undefined || head.kind === 'rawHttp')
    return { sharing: await sharingFound({ ...rows, sample: undefined }, options) }
  const input = head.kind === 'raw' ? sample : head.decode(parseSample(sample).parameters)
  const feeds = await trySample(() => script.feedsOf(input, noHeaders))
  const answer = { result: await trySample(() => script.run(feeds)) }
  return { sharing: await sharingFound({ ...rows, sample: sampleOf(feeds) }, options), answer }
}

async function tryRun(script: RowScript, feeds: Feeds | undefined): Promise<WarmUp['answer']> {
  if (!feeds) return undefined
  try {
    return { result: await script.run(feeds, noHeaders) }
  } catch {
    return undefined
  }
}

/** What takes rows: a script, or the stages behind the first one. */
interface RowRunner {
  readonly run: (rows: Feeds) => unknown
  readonly sharing: RowSharing
  /** Rows that are known to be scored. */
  readonly sample: Sample | undefined
  /** What rows can be made up for; undefined: nobody knows. */
  readonly inputs: readonly TensorInfo[] | undefined
}

async function sharingFound(runner: RowRunner, options: WarmUpOptions): Promise<RowSharing> {
  const { sharing } = runner
  if (options.maxRows === 1) return alone()
  if (sharing.kind === 'alone') return sharing
  try {
    const why = await tryTogether(runner, sharing.axes, options)
    return why === undefined ? sharing : alone(why)
  } catch (failure) {
    // An answer that cannot be cut or written, say: whatever it is, requests that run alone do not depend on it.
    return alone(`rows could not be tried together: ${(failure as Error)?.message ?? failure}`)
  }
}

/** A row and its answer alone. */
interface ScoredRow {
  readonly feeds: Feeds
  readonly result: unknown
}

/** @returns why the rows do not share runs: they get other answers together than alone; undefined: none was seen to */
async function tryTogether(
  runner: RowRunner,
  axes: RowAxes | undefined,
  { maxRows, isExact = false, kernelsVary = false }: WarmUpOptions,
): Promise<string | undefined> {
  const rows = await scoreUnlikeRows(runner, maxRows)
  const results = rows.map(({ result }) => result)
  if (isExact && (rows.length < 2 || !results.some(saysSomething)))
    return 'batching.exact is set, and no made-up rows could be compared; give a sample (schema.input)'
  if (rows.length < 2) return undefined
  for (const size of new Set([rows.length, 2, ...(isExact || kernelsVary ? sizesUpTo(maxRows) : [])])) {
    // From the last to the first, so that they have other neighbours and places than in the order in which they were made.
    const company = Array.from({ length: size }, (_, index) => rows.at(-1 - (index % rows.length)) as ScoredRow)
    let together: unknown
    try {
      together = await runner.run(joinFeeds(company.map(({ feeds }) => feeds)))
    } catch {
      return 'rows that are answered alone fail together'
    }
    const parts = splitResult(together, new Array(size).fill(1), axes)
    if (!parts) return 'the answer does not have one entry per row'
    const alone = company.map(({ result }) => result)
    if (!areSameAnswers(alone, parts)) return 'a row is answered differently in company than alone'
    if (isExact && parts.some((part, index) => textOf(part) !== textOf(alone[index])))
      return 'batching.exact is set, and a row gets other last digits in company than alone'
  }
  return undefined
}

function textOf(result: unknown): string {
  return encode(result, 'literal')
}

/** 4, 8, 16, …, and `maxRows`: where libraries for GPUs change from one kernel to another. */
function sizesUpTo(maxRows: number): number[] {
  const sizes: number[] = []
  for (let size = 4; size < maxRows; size *= 2) sizes.push(size)
  return [...sizes, maxRows]
}

/** Rows as unlike as the script or model scores them, each alone, as many as the time allows; few or none if it takes none. */
async function scoreUnlikeRows({ run, sample, inputs }: RowRunner, maxRows: number): Promise<ScoredRow[]> {
  const fromSample = (of: Sample): RowMaker[] => [(spread, step) => variedRow(of, spread, step)]
  const madeUp = (of: readonly TensorInfo[]) =>
    openSizesOf(of).map(
      (size): RowMaker =>
        (spread, step) =>
          madeUpRow(of, size, spread, step),
    )
  for (const make of sample ? fromSample(sample) : inputs ? madeUp(inputs) : []) {
    const rows = await scoreRows(make, run, maxRows)
    if (rows.length > 1) return rows
  }
  return []
}

type RowMaker = (spread: Spread, step: number) => Feeds

async function scoreRows(make: RowMaker, run: RowRunner['run'], maxRows: number): Promise<ScoredRow[]> {
  const rows: ScoredRow[] = []
  let enough = maxRows
  let tameness = 0
  while (rows.length < enough && tameness < spreads.length) {
    const feeds = make(spreads[tameness] as Spread, rows.length)
    const startedAt = performance.now()
    try {
      rows.push({ feeds, result: await run(feeds) })
    } catch {
      tameness++ // made-up values need not suit it
      continue
    }
    const runMs = Math.max(0.01, performance.now() - startedAt)
    enough = Math.max(3, Math.min(maxRows, Math.floor(trialBudgetMs / (2 * runMs))))
  }
  return rows
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
