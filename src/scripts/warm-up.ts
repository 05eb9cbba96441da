import { ServiceLoadError } from '../errors.ts'
import type { Feeds, TensorInfo } from '../models/session/model-session.ts'
import { type JsonSource, parseJson } from '../tensor/json-source.ts'
import { encode } from '../tensor/python-json.ts'
import { candidateSizes, madeUpRow, type Sample, type Spread, splitSample, spreads, variedRow } from './made-up-rows.ts'
import { joinFeeds } from './row-feeds.ts'
import { alone, type RowAxes, type RowSharing } from './row-sharing.ts'
import { compareAnswers, describeDifference, saysSomething } from './same-answers.ts'
import type { PreprocessingPipeline, RowScript, Script } from './script.ts'
import { splitResult } from './split-result.ts'

/** Approximate time for comparing rows alone and together. */
const trialBudgetMs = 200

const noHeaders = {}

/** The findings of the warm-up. */
export interface WarmUp {
  /** The sharing of the script, or the reason why rows run alone instead. */
  readonly sharing: RowSharing
  /** How much answers of shared runs differed from those alone, relative to the largest number; absent if none were compared. */
  readonly difference?: number | undefined
  /** The answer to the sample; absent when there is no sample. */
  readonly answer?: { readonly result: unknown }
}

interface WarmUpOptions {
  /** Text of an example request body. */
  readonly sample: string | undefined
  readonly maxRows: number
  /** Whether rows share runs only if their answers are bit-identical to those alone. */
  readonly isExact?: boolean
  /** Whether other batch sizes use other kernels, as on GPUs, so that all sizes are tried. */
  readonly kernelsVary?: boolean
}

/**
 * Runs the script once, so that the first caller does not wait for it. If its rows may share runs, it then runs different
 * rows alone and together: a difference beyond rounding (with `isExact`, any difference) turns sharing off. A trial cannot
 * prove that rows are independent, so it never turns sharing on.
 *
 * @throws ServiceLoadError when the sample in service.json cannot be scored
 */
export async function warmUp(script: Script, options: WarmUpOptions): Promise<WarmUp> {
  if (script.kind === 'rawHttp') return { sharing: alone() }
  if (script.kind === 'rows') return warmUpRows(script, options)
  if (script.kind === 'preprocessing') return warmUpPreprocessing(script, options)
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
  // The sample of `tensor(...)` only declares type and shape; `run` need not accept its values.
  const answer = given ? { result: await trySample(() => script.run(given, noHeaders)) } : await tryRun(script, feeds)
  const run = (rows: Feeds) => script.run(rows, noHeaders)
  const sample = answer && feeds && splitSample(feeds)
  const found = await checkSharing({ run, sharing: script.sharing, sample, inputs: script.inputs }, options)
  return { ...found, ...(answer && { answer }) }
}

/** Tries the rows that the first stage makes from the sample. */
async function warmUpPreprocessing(script: PreprocessingPipeline, options: WarmUpOptions): Promise<WarmUp> {
  const { firstStage } = script
  const { sample } = options
  const rows = { run: (feeds: Feeds) => script.run(feeds), sharing: script.sharing, inputs: script.inputs }
  if (sample === undefined || firstStage.kind === 'rawHttp')
    return checkSharing({ ...rows, sample: undefined }, options)
  const input = firstStage.kind === 'raw' ? sample : firstStage.decode(parseSample(sample).parameters)
  const feeds = await trySample(() => script.preprocess(input, noHeaders))
  const answer = { result: await trySample(() => script.run(feeds)) }
  return { ...(await checkSharing({ ...rows, sample: splitSample(feeds) }, options)), answer }
}

async function tryRun(script: RowScript, feeds: Feeds | undefined): Promise<WarmUp['answer']> {
  if (!feeds) return undefined
  try {
    return { result: await script.run(feeds, noHeaders) }
  } catch {
    return undefined
  }
}

/** A script that takes rows, or the stages after the first one. */
interface RowRunner {
  readonly run: (rows: Feeds) => unknown
  readonly sharing: RowSharing
  /** Rows that can be scored. */
  readonly sample: Sample | undefined
  /** Inputs for which rows can be made up; undefined when unknown. */
  readonly inputs: readonly TensorInfo[] | undefined
}

async function checkSharing(runner: RowRunner, options: WarmUpOptions): Promise<Omit<WarmUp, 'answer'>> {
  const { sharing } = runner
  if (options.maxRows === 1) return { sharing: alone() }
  if (sharing.kind === 'alone') return { sharing }
  try {
    const found = await tryTogether(runner, sharing.axes, options)
    return typeof found === 'string' ? { sharing: alone(found) } : { sharing, difference: found }
  } catch (failure) {
    // An answer that cannot be split or encoded, for example: requests that run alone are not affected.
    return {
      sharing: alone(`rows could not be compared alone and together: ${(failure as Error)?.message ?? failure}`),
    }
  }
}

/** A row and its answer alone. */
interface ScoredRow {
  readonly feeds: Feeds
  readonly result: unknown
}

/** @returns the reason why rows must not share runs, else the largest difference; undefined when nothing could be compared */
async function tryTogether(
  runner: RowRunner,
  axes: RowAxes | undefined,
  { maxRows, isExact = false, kernelsVary = false }: WarmUpOptions,
): Promise<string | number | undefined> {
  const rows = await scoreUnlikeRows(runner, maxRows)
  const results = rows.map(({ result }) => result)
  if (isExact && (rows.length < 2 || !results.some(saysSomething)))
    return 'batching.exact is set, and no made-up rows could be compared; set a sample (schema.input)'
  if (rows.length < 2) return undefined
  let largest = 0
  for (const size of new Set([rows.length, 2, ...(isExact || kernelsVary ? sizesUpTo(maxRows) : [])])) {
    // In reverse order, so that their neighbours and positions differ from the order in which they were made.
    const batch = Array.from({ length: size }, (_, index) => rows.at(-1 - (index % rows.length)) as ScoredRow)
    let together: unknown
    try {
      together = await runner.run(joinFeeds(batch.map(({ feeds }) => feeds)))
    } catch {
      return 'rows that can be scored alone fail together'
    }
    const parts = splitResult(together, new Array(size).fill(1), axes)
    if (!parts) return 'the answer does not have one entry per row'
    const alone = batch.map(({ result }) => result)
    const { kind, difference } = compareAnswers(alone, parts)
    if (kind === 'different') return `scoring rows together changes their answers${describeDifference(difference)}`
    largest = Math.max(largest, difference)
    if (isExact && parts.some((part, index) => encodeExactly(part) !== encodeExactly(alone[index])))
      return `scoring rows together changes the last digits${describeDifference(difference)}; "batching": {"exact": false} allows it`
  }
  return largest
}

function encodeExactly(result: unknown): string {
  return encode(result, 'literal')
}

/** Returns 4, 8, 16, …, and `maxRows`: sizes at which GPU libraries switch kernels. */
function sizesUpTo(maxRows: number): number[] {
  const sizes: number[] = []
  for (let size = 4; size < maxRows; size *= 2) sizes.push(size)
  return [...sizes, maxRows]
}

/** Scores rows that differ as much as the script or model accepts, each alone, as many as the time allows. */
async function scoreUnlikeRows({ run, sample, inputs }: RowRunner, maxRows: number): Promise<ScoredRow[]> {
  const fromSample = (of: Sample): RowMaker[] => [(spread, step) => variedRow(of, spread, step)]
  const madeUp = (of: readonly TensorInfo[]) =>
    candidateSizes(of).map(
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
  let spreadIndex = 0
  while (rows.length < enough && spreadIndex < spreads.length) {
    const feeds = make(spreads[spreadIndex] as Spread, rows.length)
    const startedAt = performance.now()
    try {
      rows.push({ feeds, result: await run(feeds) })
    } catch {
      spreadIndex++ // values that the model rejects
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

async function trySample<T>(run: () => T | Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (cause) {
    throw new ServiceLoadError(`the sample (schema.input) cannot be scored: ${(cause as Error)?.message ?? cause}`, {
      cause,
    })
  }
}
