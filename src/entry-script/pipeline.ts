/** A pipeline: stages that score one after the other, each on what the one before it gave. */
import type { Feeds, ModelSession, TensorInfo } from '../engine/model-session.ts'
import { ScoringError, ServiceLoadError } from '../errors.ts'
import { concatRows, splitRows } from '../tensor/rows.ts'
import { hasRowAxis, isOpen } from '../tensor/shape.ts'
import { Tensor } from '../tensor/tensor.ts'
import type { RequestHeaders } from './api.ts'
import { rowCountOf } from './row-feeds.ts'
import type { Script } from './script.ts'

/** One stage. Rows of several requests come together, and stay in order. */
export interface Stage {
  readonly name: string
  /** What it takes by name; undefined: a script, which takes whatever tensors the stage before gives. */
  readonly inputs: readonly TensorInfo[] | undefined
  /** What it gives, where that is known before it runs. */
  readonly outputs: readonly TensorInfo[] | undefined
  /** It can be given any number of rows. */
  readonly takesAnyRowCount: boolean
  /** @returns a Tensor or an object of Tensors for the next stage; of the last stage, anything that can be an answer */
  run(feeds: Feeds): unknown
}

/** A model between other stages. It runs on slices where it takes fewer rows at a time than there are. */
export function modelStage(name: string, model: ModelSession, maxRows: number): Stage {
  const [first] = model.inputs
  const fixedRows = first?.shape?.[0]
  const takesRows = [...model.inputs, ...model.outputs].every(({ shape }) => hasRowAxis(shape))
  const isFixed = typeof fixedRows === 'number' && !isOpen(fixedRows)
  const rowsPerRun = takesRows ? maxRows : isFixed ? fixedRows : Number.POSITIVE_INFINITY
  const [only] = model.outputs
  return {
    name,
    inputs: model.inputs,
    outputs: model.outputs,
    // A model of one row at a time takes any number of them, one by one.
    takesAnyRowCount: takesRows || rowsPerRun === 1,
    run: async feeds => {
      const outputs = await runInSlices(model, feeds, rowsPerRun)
      return model.outputs.length === 1 && only ? outputs[only.name] : outputs
    },
  }
}

/** A script between or after other stages: `run({ data })`, or `run` of the names that the stage before gives. */
export function scriptStage(name: string, run: (input: unknown) => unknown): Stage {
  return { name, inputs: undefined, outputs: undefined, takesAnyRowCount: true, run }
}

/**
 * The stages as one script. Requests are decoded by the first stage, and their rows go through all stages together.
 *
 * @param first  a script of any kind, or a model's built-in script; a script that is not about rows is run once a
 *               request, and gives the rows of that request
 */
export function pipelineOf(first: { readonly name: string; readonly script: Script }, rest: readonly Stage[]): Script {
  const { name, script } = first
  const takesAnyRowCount = rest.every(stage => stage.takesAnyRowCount)
  if (script.kind !== 'rows') {
    const [second] = rest
    if (!second || script.kind === 'headed') return script
    const call = script.run as (input: unknown, headers?: RequestHeaders) => unknown
    return {
      kind: 'headed',
      head: script,
      takesHeaders: script.takesHeaders,
      hasRowAxis: takesAnyRowCount,
      feedsOf: async (input, headers) => feedsBetween(name, await inStage(name, () => call(input, headers)), second),
      run: (feeds: Feeds) => runStages(rest, feeds),
    }
  }
  return {
    ...script,
    hasRowAxis: script.hasRowAxis && takesAnyRowCount,
    run: async (feeds: Feeds, headers?: RequestHeaders) => {
      const result = await inStage(name, () => script.run(feeds, headers))
      const [second] = rest
      return second ? runStages(rest, feedsBetween(name, result, second)) : result
    },
  }
}

async function runStages(stages: readonly Stage[], feeds: Feeds): Promise<unknown> {
  let result: unknown = feeds
  for (const [index, stage] of stages.entries()) {
    const before = stages[index - 1]
    const taken = before ? feedsBetween(before.name, result, stage) : feeds
    result = await inStage(stage.name, () => stage.run(taken))
  }
  return result
}

/**
 * What can be told of models that follow each other before any of them runs.
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
 * What a stage gave as what the next one takes: a single tensor goes to a single input whatever its name, several by name.
 *
 * @throws ScoringError STAGE_MISMATCH naming both stages
 */
export function feedsBetween(from: string, result: unknown, to: Stage): Feeds {
  const given = result instanceof Tensor ? { data: result } : result
  if (!isTensors(given)) {
    throw mismatch(`stage "${from}" must give a Tensor or an object of Tensors to stage "${to.name}"`)
  }
  if (to.inputs === undefined) return given
  const { taken, fault } = matched(from, given, to)
  if (fault !== undefined) throw mismatch(fault)
  return taken
}

/** A tensor, or what is known of it. */
type Shaped = Pick<TensorInfo, 'dtype' | 'shape'>

function matched<Given extends Shaped>(
  from: string,
  given: Readonly<Record<string, Given>>,
  to: Stage,
): { readonly taken: Record<string, Given>; readonly fault?: string } {
  const inputs = to.inputs ?? []
  const [only, ...others] = Object.keys(given)
  const isOneToOne = inputs.length === 1 && only !== undefined && others.length === 0
  const taken = new Map<string, Given>()
  const done = () => Object.fromEntries(taken)
  for (const input of inputs) {
    const tensor = isOneToOne ? given[only] : Object.hasOwn(given, input.name) ? given[input.name] : undefined
    if (!tensor) {
      const gave =
        Object.keys(given)
          .map(each => `"${each}"`)
          .join(', ') || 'nothing'
      return { taken: done(), fault: `stage "${to.name}" takes "${input.name}", stage "${from}" gives ${gave}` }
    }
    if (!suits(tensor, input)) {
      const fault = `stage "${to.name}" takes "${input.name}" as ${typeOf(input)}, stage "${from}" gives ${typeOf(tensor)}`
      return { taken: done(), fault }
    }
    taken.set(input.name, tensor)
  }
  return { taken: done() }
}

/** Types, and sizes but for the rows, which a stage may take in slices. */
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

function typeOf({ dtype, shape }: Shaped): string {
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

async function runInSlices(model: ModelSession, feeds: Feeds, rowsPerRun: number): Promise<Record<string, Tensor>> {
  const total = rowCountOf(feeds)
  if (total <= rowsPerRun) return model.run(feeds)
  const counts = Array.from({ length: Math.ceil(total / rowsPerRun) }, (_, index) =>
    Math.min(rowsPerRun, total - index * rowsPerRun),
  )
  const cut = Object.entries(feeds).map(([name, tensor]) => [name, splitRows(tensor, counts)] as const)
  const slices = counts.map((_, index) =>
    Object.fromEntries(cut.map(([name, parts]) => [name, parts[index] as Tensor])),
  )
  const runs: Record<string, Tensor>[] = []
  for (const slice of slices) runs.push(await model.run(slice))
  return Object.fromEntries(
    model.outputs.map(({ name }) => [name, concatRows(runs.map(outputs => outputs[name] as Tensor))]),
  )
}
