/** Builds pipelines: stages that run one after the other, each on the output of the one before. */

import { ScoringError, ServiceLoadError } from '../errors.ts'
import type { Feeds, ModelSession, TensorInfo } from '../models/session/model-session.ts'
import { concatRows } from '../tensor/rows.ts'
import { isOpen } from '../tensor/shape.ts'
import { Tensor } from '../tensor/tensor.ts'
import type { RequestHeaders } from './api.ts'
import { countRows, describeUnequalRows, sliceFeeds } from './row-feeds.ts'
import {
  alone,
  findRowAxis,
  hasEqualRows,
  mayShare,
  modelSharing,
  type RowSharing,
  scriptSharing,
  unlikeSizes,
} from './row-sharing.ts'
import type { Script } from './script.ts'

/** A stage. It may receive rows of several requests at once, and keeps their order. */
export interface Stage {
  readonly name: string
  /** Inputs by name; undefined for a script, which takes any tensors. */
  readonly inputs: readonly TensorInfo[] | undefined
  /** Outputs, if known before it runs. */
  readonly outputs: readonly TensorInfo[] | undefined
  /** Whether it takes any number of rows. */
  readonly takesAnyRowCount: boolean
  /** Whether rows of several requests may share a run. */
  readonly sharing: RowSharing
  /** @returns a Tensor or an object of Tensors for the next stage; the last stage may return any answer */
  run(feeds: Feeds): unknown
}

/**
 * Creates a stage that runs a model. Larger inputs run in slices: of `maxRows` if rows are proven to be independent, or of the
 * number of rows that its inputs are fixed to.
 */
export function modelStage(name: string, model: ModelSession, maxRows: number): Stage {
  const sharing = stageSharing(model)
  const fixedRows = fixedRowCount(model)
  const rowsPerRun = fixedRows ?? maxRows
  const [only] = model.outputs
  return {
    name,
    inputs: model.inputs,
    outputs: model.outputs,
    // A model fixed to one row takes any number of rows, one by one.
    takesAnyRowCount: fixedRows === undefined || fixedRows === 1,
    sharing,
    run: async feeds => {
      const mayCut = fixedRows === undefined ? mayShare(feeds, sharing) : hasEqualRows(feeds)
      const outputs = await (mayCut
        ? runInSlices({ stage: name, model, sharing, rowsPerRun }, feeds)
        : model.run(feeds))
      return model.outputs.length === 1 && only ? outputs[only.name] : outputs
    },
  }
}

/** Rows that run one by one are independent. */
function stageSharing(model: ModelSession): RowSharing {
  const { inputs, outputs } = model
  if (fixedRowCount(model) === 1 && outputs.every(({ shape }) => shape?.[0] === 1)) return { kind: 'shared' }
  const sharing = modelSharing(model)
  const other = inputs.find(({ name }) => sharing.kind === 'shared' && sharing.premises?.inputs.has(name) === false)
  return other ? alone(`input "${other.name}" of model "${model.name}" has a default instead of rows`) : sharing
}

/** @returns undefined unless all inputs are fixed to the same number of rows */
function fixedRowCount({ inputs }: ModelSession): number | undefined {
  const rows = inputs[0]?.shape?.[0]
  return typeof rows === 'number' && rows > 0 && inputs.every(({ shape }) => shape?.[0] === rows) ? rows : undefined
}

/**
 * Creates a stage that runs a script: `run({ data })`, or `run` with the names of the previous stage's outputs.
 *
 * @param rowsAreIndependent  `batching.rowsAreIndependent` of service.json
 */
export function scriptStage(
  name: string,
  run: (input: unknown) => unknown,
  rowsAreIndependent: boolean | undefined,
): Stage {
  const sharing = scriptSharing(`run() of stage "${name}"`, rowsAreIndependent)
  return { name, inputs: undefined, outputs: undefined, takesAnyRowCount: true, sharing, run }
}

/**
 * Combines the stages into one script. The first stage decodes requests, and their rows go through all stages together.
 *
 * @param first  a script of any kind, or a model's built-in script; a script that does not take rows runs once per request
 *               and returns the rows of that request
 */
export function buildPipeline(
  first: { readonly name: string; readonly script: Script },
  rest: readonly Stage[],
): Script {
  const { name, script } = first
  const takesAnyRowCount = rest.every(stage => stage.takesAnyRowCount)
  if (script.kind !== 'rows') {
    const [second] = rest
    if (!second || script.kind === 'preprocessing') return script
    const call = script.run as (input: unknown, headers?: RequestHeaders) => unknown
    const sharing = combinedSharing(rest)
    return {
      kind: 'preprocessing',
      firstStage: script,
      takesHeaders: script.takesHeaders,
      inputs: second.inputs,
      hasRowAxis: takesAnyRowCount,
      sharing,
      preprocess: async (input, headers) => feedsBetween(name, await inStage(name, () => call(input, headers)), second),
      run: (feeds: Feeds) => runStages(rest, feeds, feedsByRule(sharing)),
    }
  }
  const sharing = combinedSharing([{ ...script, name, takesAnyRowCount: true }, ...rest])
  const between = feedsByRule(sharing)
  return {
    ...script,
    hasRowAxis: script.hasRowAxis && takesAnyRowCount,
    sharing,
    run: async (feeds: Feeds, headers?: RequestHeaders) => {
      const result = await inStage(name, () => script.run(feeds, headers))
      const [second] = rest
      return second ? runStages(rest, between(name, result, second), between) : result
    },
  }
}

/** Rows may share the pipeline if they may share every stage. */
function combinedSharing(stages: readonly Pick<Stage, 'name' | 'sharing' | 'takesAnyRowCount'>[]): RowSharing {
  for (const [index, { name, sharing, takesAnyRowCount }] of stages.entries()) {
    if (!takesAnyRowCount) return alone(`stage "${name}" takes a fixed number of rows`)
    if (sharing.kind === 'alone') return stages.length === 1 ? sharing : alone(`stage "${name}": ${sharing.why}`)
    if (sharing.axes !== undefined && index < stages.length - 1)
      return alone(`stage "${name}" passes on rows that are not on the first axis`)
  }
  const [first, last] = [stages[0], stages.at(-1)].map(stage => stage?.sharing as RowSharing & { kind: 'shared' })
  return {
    kind: 'shared',
    ...(first?.premises && { premises: first.premises }),
    ...(last?.axes !== undefined && { axes: last.axes }),
  }
}

async function runStages(stages: readonly Stage[], feeds: Feeds, between: typeof feedsBetween): Promise<unknown> {
  let result: unknown = feeds
  for (const [index, stage] of stages.entries()) {
    const before = stages[index - 1]
    const taken = before ? between(before.name, result, stage) : feeds
    result = await inStage(stage.name, () => stage.run(taken))
  }
  return result
}

/**
 * Checks that the outputs of each model suit the next one, before any of them runs.
 *
 * @throws ServiceLoadError naming both stages
 */
export function checkStages(stages: readonly Stage[]): void {
  for (const [index, stage] of stages.entries()) {
    const before = stages[index - 1]
    if (!before?.outputs || !stage.inputs) continue
    const given = Object.fromEntries(before.outputs.map(output => [output.name, output]))
    const fault = matched(before.name, given, stage).fault
    if (fault !== undefined) throw new ServiceLoadError(fault)
  }
}

/**
 * Passes the output of a stage to the next one: a single tensor to a single input whatever its name, several by name.
 *
 * @throws ScoringError STAGE_MISMATCH naming both stages
 */
export function feedsBetween(from: string, result: unknown, to: Pick<Stage, 'name' | 'inputs'>): Feeds {
  const given = result instanceof Tensor ? { data: result } : result
  if (!isTensors(given)) {
    throw mismatch(`stage "${from}" must return a Tensor or an object of Tensors for stage "${to.name}"`)
  }
  if (to.inputs === undefined) return given
  const { taken, fault } = matched(from, given, to)
  if (fault !== undefined) throw mismatch(fault)
  return taken
}

/** A tensor or its description. */
type Shaped = Pick<TensorInfo, 'dtype' | 'shape'>

function matched<Given extends Shaped>(
  from: string,
  given: Readonly<Record<string, Given>>,
  to: Pick<Stage, 'name' | 'inputs'>,
): { readonly taken: Record<string, Given>; readonly fault?: string } {
  const inputs = to.inputs ?? []
  const [only, ...others] = Object.keys(given)
  const isOneToOne = inputs.length === 1 && only !== undefined && others.length === 0
  const taken = new Map<string, Given>()
  const done = () => Object.fromEntries(taken)
  for (const input of inputs) {
    const tensor = isOneToOne ? given[only] : Object.hasOwn(given, input.name) ? given[input.name] : undefined
    if (!tensor) {
      const returned =
        Object.keys(given)
          .map(each => `"${each}"`)
          .join(', ') || 'nothing'
      return { taken: done(), fault: `stage "${to.name}" takes "${input.name}", stage "${from}" returns ${returned}` }
    }
    if (!suits(tensor, input)) {
      const fault = `stage "${to.name}" takes "${input.name}" as ${describeType(input)}, stage "${from}" returns ${describeType(tensor)}`
      return { taken: done(), fault }
    }
    taken.set(input.name, tensor)
  }
  return { taken: done() }
}

/** Whether type and sizes match, except for the number of rows, which may be split into slices. */
function suits(given: Shaped, taken: Shaped): boolean {
  if (given.dtype !== taken.dtype) return false
  const { shape } = given
  if (!shape || !taken.shape) return true
  return (
    shape.length === taken.shape.length &&
    taken.shape.every((size, axis) => {
      const other = shape[axis] as number | string
      return axis === 0 || isOpen(size) || isOpen(other) || size === other
    })
  )
}

function describeType({ dtype, shape }: Shaped): string {
  return shape ? `${dtype}[${shape.join(', ')}]` : dtype
}

function isTensors(value: unknown): value is Feeds {
  return typeof value === 'object' && value !== null && Object.values(value).every(each => each instanceof Tensor)
}

function mismatch(message: string): ScoringError {
  return new ScoringError('STAGE_MISMATCH', message)
}

async function inStage(name: string, run: () => unknown): Promise<unknown> {
  try {
    return await run()
  } catch (cause) {
    const isKnown = cause instanceof ScoringError
    const code = isKnown ? cause.code : 'ENTRY_SCRIPT_FAILED'
    const what = isKnown
      ? cause.message
      : 'An unexpected error occurred in scoring script. Check the logs for more info.'
    throw new ScoringError(code, `stage "${name}": ${what}`, { cause: isKnown ? cause.cause : cause })
  }
}

function feedsByRule(sharing: RowSharing): typeof feedsBetween {
  return sharing.kind === 'shared' ? sharedFeedsBetween : feedsBetween
}

/**
 * Passes on rows that may belong to several requests. The proof of a model requires that all its inputs have the same number
 * of rows, and that each named dimension has one size; ONNX Runtime checks neither.
 *
 * @throws ScoringError STAGE_MISMATCH naming both stages
 */
function sharedFeedsBetween(from: string, result: unknown, to: Pick<Stage, 'name' | 'inputs'>): Feeds {
  const feeds = feedsBetween(from, result, to)
  if (!to.inputs) return feeds
  const rows = describeUnequalRows(feeds, to.inputs)
  if (rows !== undefined) {
    const rule = `stage "${to.name}" takes the same number of rows for each input, because requests share its runs`
    throw mismatch(`${rule}; in the output of stage "${from}", ${rows}`)
  }
  const unlike = unlikeSizes(feeds, to.inputs)
  if (!unlike) return feeds
  const { dimension, sizes } = unlike
  throw mismatch(`stage "${to.name}" takes one size for "${dimension}", stage "${from}" returns ${sizes.join(' and ')}`)
}

interface SlicedModel {
  readonly stage: string
  readonly model: ModelSession
  readonly sharing: RowSharing
  readonly rowsPerRun: number
}

/** @param feeds  inputs with the same number of rows each */
async function runInSlices(
  { stage, model, sharing, rowsPerRun }: SlicedModel,
  feeds: Feeds,
): Promise<Record<string, Tensor>> {
  if (countRows(feeds) <= rowsPerRun) return model.run(feeds)
  const slices = sliceFeeds(feeds, rowsPerRun)
  const runs: Record<string, Tensor>[] = []
  for (const slice of slices) runs.push(await model.run(slice.feeds))
  return Object.fromEntries(
    model.outputs.map(({ name }) => {
      const parts = runs.map(outputs => outputs[name] as Tensor)
      // Rows of a single request need not be separated again.
      if (sharing.kind === 'alone') return [name, concatRows(parts)]
      const axis = findRowAxis(sharing.axes, name)
      for (const [index, { shape }] of parts.entries()) {
        const { rowCount } = slices[index] as (typeof slices)[number]
        if (shape[axis] !== rowCount)
          throw mismatch(`stage "${stage}" returned "${name}" with shape [${shape.join(', ')}] for ${rowCount} rows`)
      }
      return [name, concatRows(parts, axis)]
    }),
  )
}
